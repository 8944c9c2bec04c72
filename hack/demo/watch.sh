# shellcheck shell=bash
# The live view: redraws on a terminal, prints changed lines otherwise.

# watch_zoo SECONDS returns when the zoo is complete; fails when it cannot get there.
watch_zoo() {
	local limit=$1 start=$SECONDS last="" view lines=0 stalled=0
	while :; do
		view=$(in_demo get datasets.weightspace.dev 2>&1; printf '\n'; in_demo get modelzoos.weightspace.dev 2>&1)
		draw
		[ "$(condition modelzoo "$ZOO" Complete)" != True ] || return 0
		stop_if_stuck dataset mnist
		stop_if_stuck modelzoo "$ZOO"
		if ((SECONDS - start > limit)); then die "the zoo is not complete after $limit s"; fi
		sleep 1
	done
}

# stop_if_stuck KIND NAME fails at once for a failed object, and for a stalled one after 20
# looks: an object may be stalled for a moment, until what it names has been created.
stop_if_stuck() {
	if [ "$(condition "$1" "$2" Stalled)" = True ]; then stalled=$((stalled + 1)); fi
	if [ "$(condition "$1" "$2" Failed)" = True ] || ((stalled > 20)); then
		die "$1 $2: $(in_demo get "$1" "$2" -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}')"
	fi
}

# draw shows $view if it differs from $last; on a terminal over the previous one.
draw() {
	[ "$view" != "$last" ] || return 0
	last=$view
	if [ -t 1 ]; then
		# A line that wraps would be two lines to go up.
		view=$(cut -c "1-$(tput cols 2>/dev/null || echo 120)" <<<"$view")
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
}
