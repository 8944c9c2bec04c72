package staged

import (
	"slices"
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

// Add returns the set with shard i in it.
func (x Indexes) Add(i int) Indexes {
	if i < 0 || x.Has(i) {
		return x
	}
	var out Indexes
	for _, r := range x.ranges {
		switch i {
		case r[0] - 1:
			r[0] = i
		case r[1] + 1:
			r[1] = i
		}
		out.ranges = append(out.ranges, r)
	}
	if !out.Has(i) {
		out.ranges = append(out.ranges, [2]int{i, i})
	}
	slices.SortFunc(out.ranges, func(a, b [2]int) int { return a[0] - b[0] })
	merged := out.ranges[:1]
	for _, r := range out.ranges[1:] {
		if last := &merged[len(merged)-1]; r[0] <= last[1]+1 {
			last[1] = max(last[1], r[1])
		} else {
			merged = append(merged, r)
		}
	}
	return Indexes{ranges: merged}
}

// String writes the set as a Job does.
func (x Indexes) String() string {
	parts := make([]string, 0, len(x.ranges))
	for _, r := range x.ranges {
		part := strconv.Itoa(r[0])
		if r[1] > r[0] {
			part += "-" + strconv.Itoa(r[1])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
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
