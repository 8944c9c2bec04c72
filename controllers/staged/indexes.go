package staged

import (
	"strconv"
	"strings"
)

// Indexes is a set of shard numbers as batch Jobs write them, such as "0,2-4".
type Indexes struct{ ranges [][2]int }

// ParseIndexes reads a Job's index list and drops what lies outside [0, n).
func ParseIndexes(text string, n int) Indexes {
	var out Indexes
	if text == "" {
		return out
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || from > to || from >= n {
			continue
		}
		out.ranges = append(out.ranges, [2]int{from, min(to, n-1)})
	}
	return out
}

// AllIndexes is the set [0, n).
func AllIndexes(n int) Indexes {
	if n <= 0 {
		return Indexes{}
	}
	return Indexes{ranges: [][2]int{{0, n - 1}}}
}

// Len is the number of shards in the set.
func (x Indexes) Len() int {
	n := 0
	for _, r := range x.ranges {
		n += r[1] - r[0] + 1
	}
	return n
}

// Has says whether shard i is in the set.
func (x Indexes) Has(i int) bool {
	for _, r := range x.ranges {
		if r[0] <= i && i <= r[1] {
			return true
		}
	}
	return false
}

// Each calls f for every shard of the set.
func (x Indexes) Each(f func(i int)) {
	for _, r := range x.ranges {
		for i := r[0]; i <= r[1]; i++ {
			f(i)
		}
	}
}
