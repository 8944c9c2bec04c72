package initializer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// The laws are frozen: a change of their bits, or other bits on another platform, changes every
// model. These are the first bytes of sha256 over 6 x 5 x 3 float64, little-endian.
func TestLawsFrozen(t *testing.T) {
	want := map[string]string{
		"identity":         "660f4034d394100c",
		"kaiming_normal":   "d2d192dfff3413c3",
		"kaiming_uniform":  "c258993afd8bfecf",
		"layer":            "4eac11beb8953ae2",
		"normal":           "98240c4a6ccddc41",
		"ones":             "16002976218684d9",
		"orthogonal":       "9e14b3c1c66fc7fe",
		"truncated_normal": "f70ace5644e7776a",
		"uniform":          "1ad123d8f712e67a",
		"xavier_normal":    "715474b75ceab07c",
		"xavier_uniform":   "532662b17d56b88c",
		"zeros":            "fe2f74a1e0b16a66",
	}
	for _, name := range Names() {
		law, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, v := range fill[float64](t, law, 6, 5, 3) {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:8]); got != want[name] {
			t.Errorf("%q: %q", name, got)
		}
	}
}
