package data

import "image"

// fromYCbCr interpolates chroma as libjpeg's "fancy upsampling" (jdsample.c) and converts as its jdcolor.c,
// so that photographs are those that Pillow and torchvision read.
func (p *pictures) fromYCbCr(r, g, b []uint8, img *image.YCbCr, s shape) {
	for i := range p.rows {
		if cap(p.rows[i]) < 2*s.w+4 {
			p.rows[i] = make([]uint8, 2*s.w+4)
		}
	}
	up := upsampler{ratio: img.SubsampleRatio, stride: img.CStride, w: s.w, h: s.h}
	up.cw, up.ch = chromaSize(img.SubsampleRatio, s)
	cb, cr := p.rows[0][:2*s.w+4], p.rows[1][:2*s.w+4]
	for y := range s.h {
		up.row(cb, img.Cb, y)
		up.row(cr, img.Cr, y)
		luma := img.Y[y*img.YStride:][:s.w]
		at := y * s.w
		for x, v := range luma {
			r[at+x], g[at+x], b[at+x] = toRGB(int32(v), int32(cb[x])-128, int32(cr[x])-128)
		}
	}
}

// toRGB is the conversion of JFIF with 16 fractional bits.
func toRGB(y, cb, cr int32) (r, g, b uint8) {
	const half = 1 << 15
	return clamp(y + (91881*cr+half)>>16), clamp(y + (-22554*cb-46802*cr+half)>>16), clamp(y + (116130*cb+half)>>16)
}

func clamp(v int32) uint8 { return uint8(max(0, min(255, v))) }

// chromaSize is the size of a chroma plane.
func chromaSize(ratio image.YCbCrSubsampleRatio, s shape) (w, h int) {
	dx, dy := subsampling(ratio)
	return (s.w + dx - 1) / dx, (s.h + dy - 1) / dy
}

func subsampling(ratio image.YCbCrSubsampleRatio) (dx, dy int) {
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	case image.YCbCrSubsampleRatio444:
	}
	return 1, 1
}

// upsampler widens a chroma plane of cw x ch to the image's w x h, row by row.
type upsampler struct {
	ratio        image.YCbCrSubsampleRatio
	stride       int
	w, h, cw, ch int
	sums         []int32
}

// row writes row y of the wide plane to out, which has room for 2w+4.
func (u *upsampler) row(out, plane []uint8, y int) {
	dx, dy := subsampling(u.ratio)
	line := func(i int) []uint8 { return plane[max(0, min(i, u.ch-1))*u.stride:][:u.cw] }
	near := line(y / dy)
	// Of two rows for one, the upper leans to the row above, the lower to that below.
	far, lower := line(y/dy-1), int32(0)
	if y%2 == 1 {
		far, lower = line(y/dy+1), 1
	}
	switch {
	case dx == 2 && dy == 1 && u.cw > 2:
		h2v1(out, near)
	case dx == 2 && dy == 2 && u.cw > 2:
		u.h2v2(out, near, far)
	case dx == 1 && dy == 2:
		for x, v := range near {
			out[x] = uint8((3*int32(v) + int32(far[x]) + 1 + lower) >> 2)
		}
	default:
		for x := range u.w {
			out[x] = near[x/dx]
		}
	}
}

// h2v1 doubles a row: each sample leans 1:3 to its neighbour.
func h2v1(out, in []uint8) {
	last := len(in) - 1
	for x, v := range in {
		out[2*x] = uint8((3*int32(v) + int32(in[max(x-1, 0)]) + 1) >> 2)
		out[2*x+1] = uint8((3*int32(v) + int32(in[min(x+1, last)]) + 2) >> 2)
	}
	out[0], out[2*last+1] = in[0], in[last]
}

// h2v2 doubles in both directions. At the ends a sample is its own neighbour.
func (u *upsampler) h2v2(out, near, far []uint8) {
	if cap(u.sums) < len(near) {
		u.sums = make([]int32, len(near))
	}
	sums := u.sums[:len(near)]
	for x := range sums {
		sums[x] = 3*int32(near[x]) + int32(far[x])
	}
	last := len(sums) - 1
	for x, v := range sums {
		out[2*x] = uint8((3*v + sums[max(x-1, 0)] + 8) >> 4)
		out[2*x+1] = uint8((3*v + sums[min(x+1, last)] + 7) >> 4)
	}
}
