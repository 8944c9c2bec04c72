package cluster

import "fmt"

// AdjustedRand is the Rand index of two groupings of the same points, corrected for chance (Hubert
// and Arabie 1985): 1 for the same groups, about 0 for unrelated ones. Any numbers may name groups.
// If both are trivial in the same way (one group, or all groups of one), it is 1.
func AdjustedRand(x, y []int) (float64, error) {
	if len(x) != len(y) || len(x) == 0 {
		return 0, fmt.Errorf("cluster: groupings of %d and %d points cannot be compared", len(x), len(y))
	}
	cells, rows, cols := map[[2]int]int{}, map[int]int{}, map[int]int{}
	for i := range x {
		cells[[2]int{x[i], y[i]}]++
		rows[x[i]]++
		cols[y[i]]++
	}
	both, a, b := pairs(cells), pairs(rows), pairs(cols)
	total := choose(len(x))
	if total == 0 {
		return 1, nil
	}
	expected := a * b / total
	if half := (a + b) / 2; half != expected {
		return (both - expected) / (half - expected), nil
	}
	return 1, nil
}

// pairs sums exactly, so that the order of a map does not matter.
func pairs[K comparable](counts map[K]int) float64 {
	s := 0
	for _, n := range counts {
		s += n * (n - 1) / 2
	}
	return float64(s)
}

func choose(n int) float64 { return float64(n) * float64(n-1) / 2 }

// Purity is the fraction of points that belong to the most frequent class of their cluster.
func Purity(cluster, class []int) (float64, error) {
	if len(cluster) != len(class) || len(cluster) == 0 {
		return 0, fmt.Errorf("cluster: %d clusters and %d classes cannot be compared", len(cluster), len(class))
	}
	cells, most := map[[2]int]int{}, map[int]int{}
	for i, c := range cluster {
		cells[[2]int{c, class[i]}]++
		most[c] = max(most[c], cells[[2]int{c, class[i]}])
	}
	sum := 0
	for _, n := range most {
		sum += n
	}
	return float64(sum) / float64(len(cluster)), nil
}
