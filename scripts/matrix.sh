#!/bin/sh
# The quicker tests of what Python itself may change, under each Python from 3.11 to 3.13 that this machine has, in an
# environment of its own; but for the one that is named, whose tests have been run.
set -eu
done=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

find_python() {
	for python in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
		"$python" -c pass 2>/dev/null && echo "$python" && return
	done
	return 1
}

for version in 3.11 3.12 3.13; do
	[ "$version" != "$done" ] || continue
	python=$(find_python "$version") || { echo "Python $version is not here, so nothing was tested under it"; continue; }
	venv=.venv-$version
	if [ ! -e "$venv/ready" ] || [ pyproject.toml -nt "$venv/ready" ] || [ constraints.txt -nt "$venv/ready" ]; then
		echo "making an environment of $("$python" --version) in $venv (about 1.5 GB, a minute or two)"
		"$python" -m venv "$venv"
		"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
			--editable '.[dev]'
		touch "$venv/ready"
	fi
	"$venv/bin/pytest" -n 2 --dist worksteal -m 'not slow' tests/test_cli.py tests/test_cli_generate.py \
		tests/test_recipe.py tests/test_data_files.py tests/test_bundle.py tests/test_classification.py
done
