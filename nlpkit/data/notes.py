"""What a reader has to tell of the data, said once: a run reads the same file several times."""

import logging
from functools import lru_cache

logger = logging.getLogger("nlpkit")


@lru_cache(maxsize=1_000)
def tell_once(message: str) -> None:
    """Logs a warning, the first time that it is given in this process."""
    logger.warning("%s", message)
