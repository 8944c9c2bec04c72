//go:build !amd64 || purego

package isa

const (
	hasAVX2   = false
	hasAVX512 = false
)
