// Package align allocates memory on cache lines.
package align

import "unsafe"

// Line is the size of a cache line in bytes.
const Line = 64

// Make is a zeroed slice of n elements that begins on a cache line.
func Make[T float32 | float64](n int) []T {
	var x T
	size := int(unsafe.Sizeof(x))
	all := make([]T, n+Line/size)
	skip := 0
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(all))) % Line; at != 0 {
		skip = int(Line-at) / size
	}
	return all[skip : skip+n : skip+n]
}
