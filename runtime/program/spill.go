package program

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
)

// spill is a file of rows [member][epoch] with what the index knows of each: a zoo of 10,000 members and 51 epochs does not have to
// fit into memory. A bit for each row says whether it is there.
type spill struct {
	file   *os.File
	epochs int // rows of a member
	have   []uint64
}

// spillRow is one (member, epoch): what its weights hash to, its metrics, and where the weights are.
type spillRow struct {
	weights [32]byte
	metrics sixRow
	// shard is a position in the index's list of shards, row a row in it.
	shard, row int32
}

const spillRowBytes = 32 + 6*8 + 2*4

// newSpill makes a file in dir ("" for the system's folder) that has no name: it goes away with the process.
func newSpill(dir string, members, epochs int) (*spill, error) {
	f, err := os.CreateTemp(dir, "weightspace-index-*")
	if err != nil {
		return nil, fmt.Errorf("a temporary file for the index: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("a temporary file for the index: %w", err)
	}
	return &spill{file: f, epochs: epochs, have: make([]uint64, (members*epochs+63)/64)}, nil
}

func (s *spill) close() error { return s.file.Close() }

func (s *spill) has(member, epoch int) bool {
	i := member*s.epochs + epoch
	return s.have[i/64]>>(i%64)&1 != 0
}

// first returns the first epoch of a member that is not there, or epochs.
func (s *spill) first(member int) int {
	for e := range s.epochs {
		if !s.has(member, e) {
			return e
		}
	}
	return s.epochs
}

// write stores rows of a member from an epoch on.
func (s *spill) write(member, epoch int, rows []spillRow) error {
	b := make([]byte, 0, len(rows)*spillRowBytes)
	for i := range rows {
		b = rows[i].append(b)
		bit := member*s.epochs + epoch + i
		s.have[bit/64] |= 1 << (bit % 64)
	}
	if _, err := s.file.WriteAt(b, int64(member*s.epochs+epoch)*spillRowBytes); err != nil {
		return fmt.Errorf("the index's temporary file: %w", err)
	}
	return nil
}

// read returns all rows of a member, which must be there.
func (s *spill) read(member int, rows []spillRow) error {
	b := make([]byte, s.epochs*spillRowBytes)
	if _, err := s.file.ReadAt(b, int64(member*s.epochs)*spillRowBytes); err != nil {
		return fmt.Errorf("the index's temporary file: %w", err)
	}
	for i := range rows {
		rows[i].decode(b[i*spillRowBytes:])
	}
	return nil
}

// at returns one row, which must be there.
func (s *spill) at(member, epoch int) (r spillRow, err error) {
	b := make([]byte, spillRowBytes)
	if _, err := s.file.ReadAt(b, int64(member*s.epochs+epoch)*spillRowBytes); err != nil {
		return r, fmt.Errorf("the index's temporary file: %w", err)
	}
	r.decode(b)
	return r, nil
}

func (r *spillRow) append(b []byte) []byte {
	b = append(b, r.weights[:]...)
	for _, v := range r.metrics {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(r.shard))
	return binary.LittleEndian.AppendUint32(b, uint32(r.row))
}

func (r *spillRow) decode(b []byte) {
	copy(r.weights[:], b)
	for i := range r.metrics {
		r.metrics[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[32+8*i:]))
	}
	r.shard, r.row = int32(binary.LittleEndian.Uint32(b[80:])), int32(binary.LittleEndian.Uint32(b[84:]))
}

func (r *spillRow) sum() string { return hex.EncodeToString(r.weights[:]) }
