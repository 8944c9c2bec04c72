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
		# The ages change each second: only other changes are worth a line. Columns are of fixed
		# width, or each line would have its own.
		local row
		row=$(in_demo get modelzoos.weightspace.dev "$ZOO" -o jsonpath='{.status.models.summary}|{.status.epoch}|{.status.testAccuracy.summary}|{.status.conditions[?(@.type=="Ready")].reason}|{.status.eta}' 2>&1)
		if [ -z "${last_row:-}" ]; then printf '           %-10s %-9s %-18s %-12s %s\n' MODELS EPOCH TEST-ACC STATUS ETA; fi
		if [ "$row" != "${last_row:-}" ] && [ "$row" != "||||" ]; then
			local models epoch accuracy status eta
			IFS='|' read -r models epoch accuracy status eta <<<"$row"
			printf '    %4d s %-10s %-9s %-18s %-12s %s\n' $((SECONDS - start)) "$models" "$epoch" "$accuracy" "$status" "$eta"
		fi
		last_row=$row
	fi
}
