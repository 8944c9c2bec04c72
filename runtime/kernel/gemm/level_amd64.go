//go:build amd64 && !purego

package gemm

import "github.com/weightspace/weightspace/runtime/kernel/isa"

var (
	tableAVX2   = table{8, 512, &tilesAVX2, 2, 6, blockedWork, copyRowsAVX2, transposeAVX2}
	tableAVX512 = table{16, 256, &tilesAVX512, 4, 6, blockedWork, copyRowsAVX512, transposeAVX512}
)

// levelTable is nil for Ref.
func levelTable(l isa.Level) *table {
	switch l {
	case isa.AVX2:
		return &tableAVX2
	case isa.AVX512:
		return &tableAVX512
	case isa.Auto, isa.Ref:
	}
	return nil
}
