//go:build !amd64 || purego

package kernel

const (
	hasAVX2   = false
	hasAVX512 = false
)
