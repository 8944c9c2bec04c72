package conv

// taps are the kernel rows (or columns) that reach the image from one position of an axis of
// the result: kernel index first + i*step reads source index src + i*srcStep, for i < n.
type taps struct {
	first, step, n int
	src, srcStep   int
}

// forwardTaps are the taps of every output position of an axis.
func forwardTaps(in, out, kernel, stride, pad, dilation int) []taps {
	all := make([]taps, out)
	for o := range all {
		all[o] = tapsAt(o, in, kernel, stride, pad, dilation)
	}
	return all
}

// tapsAt are the taps of output position o of an axis.
func tapsAt(o, in, kernel, stride, pad, dilation int) taps {
	at := o*stride - pad
	first, end := 0, 0
	if at < 0 {
		first = (-at + dilation - 1) / dilation
	}
	if last := in - 1 - at; last >= 0 {
		end = min(kernel, last/dilation+1)
	}
	return taps{first, 1, max(end-first, 0), at + first*dilation, dilation}
}

// gradTaps are, for every input position of an axis, the taps through which it reached an
// output position, in ascending order; the output index falls as the tap rises.
func gradTaps(in, out, kernel, stride, pad, dilation int) []taps {
	all := make([]taps, in)
	step := stride / gcd(stride, dilation)
	for i := range all {
		t := taps{step: step, srcStep: -step * dilation / stride}
		for k := range kernel {
			at := i + pad - k*dilation
			if at < 0 || at%stride != 0 || at/stride >= out {
				continue
			}
			if t.n == 0 {
				t.first, t.src = k, at/stride
			}
			t.n++
		}
		all[i] = t
	}
	return all
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// run is count positions at, at+apart, ... that see the same taps; from one to the next the
// source moves on by advance.
type run struct {
	taps
	at, apart, count int
	advance          int
}

// runs cuts positions from..to of an axis, taken in steps, into runs.
func runs(all []taps, from, to, step, advance int) []run {
	var rs []run
	for start := from; start < min(from+step, to); start++ {
		var r *run
		for i := start; i < to; i += step {
			t := all[i]
			if r != nil && t.n == r.n && t.first == r.first && (t.n == 0 || t.src == r.src+r.count*advance) {
				r.count++
				continue
			}
			rs = append(rs, run{taps: t, at: i, apart: step, count: 1, advance: advance})
			r = &rs[len(rs)-1]
		}
	}
	return rs
}

// span is the range of source indices that positions from..to read; lo > hi if they read none.
func span(all []taps, from, to int) (lo, hi int) {
	lo, hi = 1, 0
	for _, t := range all[from:to] {
		if t.n == 0 {
			continue
		}
		a, b := t.src, t.src+(t.n-1)*t.srcStep
		a, b = min(a, b), max(a, b)
		if lo > hi {
			lo, hi = a, b
		}
		lo, hi = min(lo, a), max(hi, b)
	}
	return lo, hi
}

// cut divides n things into parts of almost equal size.
type cut struct{ n, parts int }

// cutBy divides n into parts of at most size.
func cutBy(n, size int) cut { return cut{n, (n + size - 1) / size} }

// at is the range of part i.
func (c cut) at(i int) (from, to int) { return i * c.n / c.parts, (i + 1) * c.n / c.parts }

// size is the greatest size of a part.
func (c cut) size() int { return (c.n + c.parts - 1) / c.parts }
