package prune

import (
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Part is a tensor of a row that may be pruned: elements [From, To).
type Part struct {
	Name     string
	From, To int
}

// Size is the number of elements of a part.
func (p Part) Size() int { return p.To - p.From }

// Parts are the tensors of a layout that prunable accepts, in the layout's order.
func Parts(layout []tensor.Param, prunable func(tensor.Param) bool) []Part {
	var out []Part
	for _, p := range layout {
		if prunable(p) {
			out = append(out, Part{Name: p.Name, From: p.Offset, To: p.Offset + p.Size()})
		}
	}
	return out
}

// Total is the number of elements of all parts.
func Total(parts []Part) int {
	n := 0
	for _, p := range parts {
		n += p.Size()
	}
	return n
}

// Count is floor(s*n), where s is the decimal number that its shortest text says: 0.29 of 100 is 29, though the product of the floats
// is below it. s is in [0, 1]; anything else gives 0 or n.
func Count(s float64, n int) int {
	if !(s > 0) || n <= 0 {
		return 0
	}
	if s >= 1 {
		return n
	}
	exact, _ := new(big.Rat).SetString(strconv.FormatFloat(s, 'g', -1, 64))
	exact.Mul(exact, new(big.Rat).SetInt64(int64(n)))
	return int(new(big.Int).Quo(exact.Num(), exact.Denom()).Int64())
}

// Score orders elements of a row: the lowest is dropped first.
type Score func(i int) uint32

// Magnitude scores by absolute value.
func Magnitude(row []float32) Score {
	const sign = 1 << 31
	return func(i int) uint32 { return math.Float32bits(row[i]) &^ sign }
}

// Random scores by chance, the control that magnitude is compared with: a score per element, keyed by the member's seed.
func Random(seed uint64) Score {
	stream := rng.New(seed, "prune/random")
	return func(i int) uint32 { return stream.Block(uint32(i), 0, 0)[0] }
}

// Drop returns the indices, ascending, of the count elements of parts with the lowest scores. Ties go by index, lower ones first, so that
// the count is exact. Elements of already, ascending, go before all others: a mask only grows. count is cut to what there is.
func Drop(parts []Part, count int, score Score, already []int32) []int32 {
	count = min(count, Total(parts))
	if count <= 0 {
		return nil
	}
	// A key is the score and, below it, the index. Dropped elements are 0 above, the others 1 more than their score.
	keys := make([]uint64, 0, Total(parts))
	at := 0
	for _, p := range parts {
		for i := p.From; i < p.To; i++ {
			for at < len(already) && int(already[at]) < i {
				at++
			}
			k := uint64(0)
			if at == len(already) || int(already[at]) != i {
				k = uint64(score(i)) + 1
			}
			keys = append(keys, k<<31|uint64(i))
		}
	}
	slices.Sort(keys)
	out := make([]int32, count)
	for i := range out {
		out[i] = int32(keys[i] & (1<<31 - 1))
	}
	slices.Sort(out)
	return out
}

// Within counts the indices, ascending, that lie in a part.
func Within(dropped []int32, p Part) int {
	from, _ := slices.BinarySearch(dropped, int32(p.From))
	to, _ := slices.BinarySearch(dropped, int32(p.To))
	return to - from
}
