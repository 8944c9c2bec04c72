package plan

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// The order of a limited zoo's members: seed by seed, and with each seed the grid's points in an order that takes turns. The rank
// of a point is a number of mixed radix whose fastest digit is the activation, then optimizer, initializer, learning rate, weight decay and
// dropout; a digit's values are permuted by hashes of the values before it. So any first n points hold each activation
// equally often up to one, within an activation each optimizer, and so on, and which values meet depends on the values alone.

// limitedSize is the number of members of a cohort of a limited zoo.
func limitedSize(z *spec.Zoo, cohort int) int {
	each := points(z)
	all := each * len(z.Cohorts)
	total := Total(z)
	rest := total % all
	at := slices.Index(cohortOrder(z), cohort)
	// Points of rank at, at + cohorts, ... are the cohort's.
	return total/all*each + (rest-at+len(z.Cohorts)-1)/len(z.Cohorts)
}

// cohortOrder lists the cohorts in the order in which ranks take turns.
func cohortOrder(z *spec.Zoo) []int {
	paths := make([][]string, len(z.Cohorts))
	for i, c := range z.Cohorts {
		paths[i] = []string{c.Activation, c.Optimizer}
	}
	return turns("", paths)
}

// pointOrder lists the cells of a cohort in the order of their ranks; nil for a zoo without a limit, whose order is the grid's.
func pointOrder(z *spec.Zoo, cohort int) []int {
	if z.Limit == 0 {
		return nil
	}
	paths := make([][]string, points(z))
	for i := range paths {
		cell, parent := pointOf(z, i)
		c := &z.Cells[cell]
		paths[i] = []string{c.Initializer, canonicalDecimal(c.LearningRate), canonicalDecimal(c.WeightDecay), canonicalDecimal(c.Dropout)}
		if parent != "" {
			paths[i] = append([]string{parent}, paths[i]...)
		}
	}
	co := z.Cohorts[cohort]
	return turns(co.Activation+" "+co.Optimizer+" ", paths)
}

// turns orders the leaves of a tree, given by their paths, so that siblings take turns at every level; siblings stand in the order
// of hashes of their path from the root.
func turns(prefix string, paths [][]string) []int {
	all := make([]int, len(paths))
	for i := range all {
		all[i] = i
	}
	return take(prefix, paths, all, 0)
}

func take(prefix string, paths [][]string, leaves []int, level int) []int {
	if len(leaves) <= 1 || level == len(paths[leaves[0]]) {
		return leaves
	}
	byValue := map[string][]int{}
	var values []string
	for _, leaf := range leaves {
		v := paths[leaf][level]
		if byValue[v] == nil {
			values = append(values, v)
		}
		byValue[v] = append(byValue[v], leaf)
	}
	hash := func(v string) string {
		sum := sha256.Sum256([]byte("population/limit " + prefix + v))
		return string(sum[:])
	}
	slices.SortFunc(values, func(a, b string) int { return strings.Compare(hash(a), hash(b)) })
	children := make([][]int, len(values))
	for i, v := range values {
		children[i] = take(prefix+v+" ", paths, byValue[v], level+1)
	}
	out := make([]int, 0, len(leaves))
	for round := 0; len(out) < len(leaves); round++ {
		for _, c := range children {
			if round < len(c) {
				out = append(out, c[round])
			}
		}
	}
	return out
}
