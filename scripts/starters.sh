#!/bin/sh
# Trains the models that come with the package, and writes them in int8 into nlpkit/starters: three hours on two cores.
# Usage: starters.sh FOLDER, where they are kept as they were trained; what is there already is not trained again.
set -eu
work=$1

trained() { # name, and what is trained
	name=$1
	shift
	[ ! -e "$work/$name/metadata.json" ] || return 0
	if [ -e "$work/$name/checkpoint" ]; then set -- "$@" --resume; fi
	nlpkit train "$@" --output "$work/$name"
}

shipped() { # name, and how
	name=$1
	shift
	nlpkit export "$work/$name" --int8 --output "nlpkit/starters/$name" --overwrite "$@"
}

trained dates translate --data dates
shipped dates
trained python-docs generate --data python-docs
shipped python-docs --seen # other writers start from it
trained sentiment sentiment-best
shipped sentiment --seen # other classifiers start from it
trained language language
shipped language --split validation # its test split is twelve thousand pages
du -sm nlpkit/starters
