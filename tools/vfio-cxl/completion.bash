# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# bash completion of vfio-cxl: verbs, options and values are those of its help

_vfio_cxl_lines() {
	"$@" 2> /dev/null | sed -n -E 's/^  ([a-z-]+) .*/\1/p'
}

_vfio_cxl() {
	local tool=$1 word=$2 previous=$3 verb values i

	verb=
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -* ]] || continue
		verb=${COMP_WORDS[i]}
		break
	done
	if [[ -z $verb ]]; then
		values="$(_vfio_cxl_lines "$tool" --help |
			  grep -v '^-') --help --version"
		[[ $word == -* ]] || values=${values%% --*}
	elif [[ $previous == --* && $previous != -- ]] &&
	     values=$("$tool" "$verb" --help 2> /dev/null |
		      sed -n -E "s/^  $previous ([^ ]+) .*/\1/p") &&
	     [[ -n $values ]]; then
		# Such as q35|virt; a word in capitals is a value that only the
		# user knows.
		values=${values//|/ }
		[[ $values != *[A-Z]* ]] || values=
	elif [[ $word == -* ]]; then
		values=$(_vfio_cxl_lines "$tool" "$verb" --help)
	elif [[ $verb == plan ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	else
		values=$("$tool" list 2> /dev/null |
			 sed -n -E 's/^([0-9a-f]+:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]).*/\1/p')
	fi
	mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
}

complete -F _vfio_cxl vfio-cxl
