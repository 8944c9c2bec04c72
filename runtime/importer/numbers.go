package importer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// number is a JSON number, or a text that holds one, as the published settings do; NaN when it is absent or null.
type number struct {
	v   float64
	set bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" || text == "None" || text == "" {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		switch strings.ToLower(text) {
		case "true":
			v = 1
		case "false":
			v = 0
		default:
			return fmt.Errorf("%.40q is no number", text)
		}
	}
	n.v, n.set = v, true
	return nil
}

func (n *number) or(v float64) float64 {
	if n.set {
		return n.v
	}
	return v
}

// text is a JSON string; other scalars are kept as they are written, null is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	*t = text(b)
	return nil
}

// python makes Python's JSON standard: NaN, Infinity and -Infinity, which Python writes bare, become strings. What has none comes
// back as it is.
func python(b []byte) []byte {
	if !bytes.Contains(b, []byte("NaN")) && !bytes.Contains(b, []byte("Infinity")) {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	inString := false
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case inString && c == '\\' && i+1 < len(b):
			out = append(out, c, b[i+1])
			i += 2
			continue
		case c == '"':
			inString = !inString
		case !inString:
			if word := bare(b[i:]); word != "" {
				out = append(out, '"')
				out = append(out, word...)
				out = append(out, '"')
				i += len(word)
				continue
			}
		}
		out = append(out, b[i])
		i++
	}
	return out
}

func bare(b []byte) string {
	for _, word := range []string{"NaN", "-Infinity", "Infinity"} {
		if bytes.HasPrefix(b, []byte(word)) {
			return word
		}
	}
	return ""
}

// putFloats writes little-endian float32.
func putFloats(to []byte, from []float32) {
	for i, v := range from {
		binary.LittleEndian.PutUint32(to[4*i:], math.Float32bits(v))
	}
}

// whole is a number as an integer within bounds, NaN, fractions and others are not.
func whole(v float64, low, high int64) (int64, bool) {
	i := int64(v)
	return i, v == math.Trunc(v) && v >= float64(low) && v <= float64(high)
}
