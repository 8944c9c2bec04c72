# shellcheck shell=bash
# The live view: redraws on a terminal, prints changed lines otherwise.

# watch_zoo SECONDS returns when the zoo is complete; fails when it cannot get there.
watch_zoo() {
	local limit=$1 start=$SECONDS last="" view lines=0
	while :; do
		view=$(in_demo get datasets.weightspace.dev 2>&1; printf '\n'; in_demo get modelzoos.weightspace.dev 2>&1)
		draw
		if [ "$(condition modelzoo "$ZOO" Complete)" = True ]; then return 0; fi
		for object in dataset/mnist "modelzoo/$ZOO"; do
			if [ "$(condition "${object%/*}" "${object#*/}" Failed)" = True ]; then
				die "$object failed: $(in_demo get "$object" -o jsonpath='{.status.conditions[?(@.type=="Failed")].message}')"
			fi
		done
		if ((SECONDS - start > limit)); then die "the zoo is not complete after $limit s"; fi
		sleep 1
	done
}

# draw shows $view if it differs from $last; on a terminal over the previous one.
draw() {
	[ "$view" != "$last" ] || return 0
	if [ -t 1 ]; then
		if ((lines > 0)); then printf '\033[%dA\033[J' "$lines"; fi
		printf '%s\n' "$view"
		lines=$(wc -l <<<"$view")
	else
		# The ages change each second: only other changes are worth a line.
		local row
		row=$(in_demo get modelzoos.weightspace.dev "$ZOO" --no-headers 2>&1 | sed 's/ *[0-9smhd]* *$//')
		if [ "$row" != "${last_row:-}" ]; then printf '    %4d s  %s\n' $((SECONDS - start)) "$row"; fi
		last_row=$row
	fi
	last=$view
}
