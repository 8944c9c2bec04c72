package pickle_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/pickle"
)

// The files in testdata are written by hack/bench/peers/golden_pickle.py.

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plain writes a value as golden_pickle.py does.
func plain(v pickle.Value) any {
	list := func(items []pickle.Value) []any {
		out := []any{}
		for _, i := range items {
			out = append(out, plain(i))
		}
		return out
	}
	switch v := v.(type) {
	case []byte:
		return map[string]any{"bytes": hex.EncodeToString(v)}
	case pickle.Tuple:
		return map[string]any{"tuple": list(v)}
	case *pickle.List:
		return list(v.Items)
	case *pickle.Set:
		out := []any{}
		for _, i := range v.Items {
			if n, ok := i.(int64); ok {
				out = append(out, float64(n))
			} else {
				out = append(out, i)
			}
		}
		slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		return map[string]any{"set": out}
	case *pickle.Dict:
		out := []any{}
		for i := range v.Len() {
			k, e := v.At(i)
			out = append(out, []any{plain(k), plain(e)})
		}
		return map[string]any{"dict": out}
	case float64:
		return map[string]any{"float": v}
	case int64:
		return map[string]any{"int": strconv.FormatInt(v, 10)}
	case *big.Int:
		return map[string]any{"int": v.String()}
	}
	return v
}

// pythonFloats turns Python's float.hex into numbers.
func pythonFloats(t *testing.T, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = pythonFloats(t, v[i])
		}
	case map[string]any:
		if s, ok := v["float"].(string); ok {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return map[string]any{"float": f}
		}
		for k := range v {
			v[k] = pythonFloats(t, v[k])
		}
	}
	return v
}

// TestProtocols: what Python pickled with every protocol is read as the same values.
func TestProtocols(t *testing.T) {
	var want any
	if err := json.Unmarshal(read(t, "plain.json"), &want); err != nil {
		t.Fatal(err)
	}
	want = pythonFloats(t, want)
	for protocol := range 6 {
		b := read(t, fmt.Sprintf("plain.%d.pkl", protocol))
		v, n, err := pickle.Decode(append(slices.Clone(b), "tail"...), pickle.Options{})
		if err != nil {
			t.Fatalf("protocol %d: %v", protocol, err)
		}
		if n != len(b) {
			t.Errorf("protocol %d: %d of %d bytes", protocol, n, len(b))
		}
		// Comparing entry by entry names the one that differs.
		got, expect := plain(v).(map[string]any)["dict"].([]any), want.(map[string]any)["dict"].([]any)
		if len(got) != len(expect) {
			t.Fatalf("protocol %d: %d entries, want %d", protocol, len(got), len(expect))
		}
		for i := range got {
			if g, w := fmt.Sprintf("%#v", got[i]), fmt.Sprintf("%#v", expect[i]); g != w {
				t.Errorf("protocol %d: %s, want %s", protocol, g, w)
			}
		}
	}
}

// TestShared: a value that is pickled once and referred to twice is one value.
func TestShared(t *testing.T) {
	v, _, err := pickle.Decode(read(t, "plain.4.pkl"), pickle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := v.(*pickle.Dict).Get("shared")
	items := s.(*pickle.List).Items
	if items[0] != items[1] {
		t.Error("the shared list became two")
	}
}

// TestObjects: an instance of an allowed class is its fields; one that is not allowed is named.
func TestObjects(t *testing.T) {
	allow := func(module, _ string) bool { return module == "published" }
	for protocol := range 6 {
		b := read(t, fmt.Sprintf("object.%d.pkl", protocol))
		v, _, err := pickle.Decode(b, pickle.Options{Allow: allow})
		if err != nil {
			t.Fatalf("protocol %d: %v", protocol, err)
		}
		o, ok := v.(*pickle.Object)
		if !ok || o.Class != (pickle.Global{Module: "published", Name: "ModelDataset"}) {
			t.Fatalf("protocol %d: %T", protocol, v)
		}
		if f, ok := o.Field("properties"); !ok || pickle.TypeName(f) != "dict" {
			t.Errorf("protocol %d: properties are %v", protocol, f)
		}
		if _, ok := o.Field("absent"); ok {
			t.Errorf("protocol %d: an absent field was found", protocol)
		}
		_, _, err = pickle.Decode(b, pickle.Options{})
		var foreign *pickle.ForeignError
		if !errors.Is(err, pickle.ErrForeign) || !errors.As(err, &foreign) || foreign.Global.String() != "published.ModelDataset" || !strings.Contains(err.Error(), "byte ") {
			t.Errorf("protocol %d: %v", protocol, err)
		}
	}
	for protocol := 2; protocol < 6; protocol++ {
		v, _, err := pickle.Decode(read(t, fmt.Sprintf("slots.%d.pkl", protocol)), pickle.Options{Allow: allow})
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := v.(*pickle.Object).Field("b"); f != "two" {
			t.Errorf("protocol %d: slot b is %v", protocol, f)
		}
	}
}

// TestHostile: each defect is a specific error.
func TestHostile(t *testing.T) {
	long := func(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
	laugh := "]q\x00(" + strings.Repeat("K\x01", 200) + "e" + strings.Repeat("ccollections\nOrderedDict\nh\x00\x85R0", 1)
	for name, c := range map[string]struct {
		in   string
		kind error
		text string
	}{
		"empty":            {"", pickle.ErrTruncated, "byte 0"},
		"no stop":          {"N", pickle.ErrTruncated, "byte 1"},
		"os.system":        {"cos\nsystem\n(S'rm -rf /'\ntR.", pickle.ErrForeign, "os.system"},
		"stack global":     {"\x80\x04\x8c\x02os\x8c\x06system\x93.", pickle.ErrForeign, "os.system"},
		"builtins.eval":    {"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", pickle.ErrForeign, "builtins.eval"},
		"inst":             {"(ios\nsystem\n.", pickle.ErrForeign, "os.system"},
		"extension":        {"\x80\x02\x82\x01.", pickle.ErrForeign, "copyreg"},
		"opcode":           {"\xff.", pickle.ErrOpcode, "0xff"},
		"protocol":         {"\x80\x06N.", pickle.ErrProtocol, "6"},
		"long string":      {"X" + long(math.MaxUint32) + "abc", pickle.ErrTruncated, "4294967295"},
		"huge bytes":       {"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", pickle.ErrTruncated, "announced"},
		"frame":            {"\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", pickle.ErrTruncated, "frame"},
		"pop of nothing":   {"0N.", pickle.ErrStack, ""},
		"below the mark":   {"N(\x85.", pickle.ErrStack, ""},
		"no mark":          {"Nt.", pickle.ErrStack, "mark"},
		"odd dict":         {"(K\x01d.", pickle.ErrStack, "no value"},
		"mark at the end":  {"N(.", pickle.ErrStack, "marks"},
		"two values":       {"NN.", pickle.ErrStack, "2 values"},
		"memo":             {"h\x07.", pickle.ErrMemo, "7"},
		"far memo":         {"Nr" + long(1<<31) + "0j" + long(1<<30) + ".", pickle.ErrMemo, "1073741824"},
		"append to int":    {"K\x01K\x02a.", pickle.ErrType, "int"},
		"call of a list":   {"])R.", pickle.ErrType, "list"},
		"arguments":        {"ccollections\nOrderedDict\nNR.", pickle.ErrType, "None"},
		"OrderedDict of 1": {"ccollections\nOrderedDict\nK\x01\x85R.", pickle.ErrArgument, "OrderedDict"},
		"build of int":     {"K\x01Nb.", pickle.ErrType, "int"},
		"out of band":      {"\x97.", pickle.ErrOutOfBand, ""},
		"persistent":       {"K\x01Q.", pickle.ErrPersistent, ""},
		"float":            {"Fabc\n.", pickle.ErrArgument, "abc"},
		"int":              {"Iabc\n.", pickle.ErrArgument, "abc"},
		"digits":           {"L" + strings.Repeat("9", 5000) + "L\n.", pickle.ErrTooLarge, "5001"},
		"long integer":     {"\x8b" + long(5000) + strings.Repeat("\x01", 5000) + ".", pickle.ErrTooLarge, "5000"},
		"quotes":           {"Sabc\n.", pickle.ErrArgument, "quotes"},
		"escape":           {"S'\\q'\n.", pickle.ErrArgument, "escape"},
		"unicode escape":   {"V\\u12\n.", pickle.ErrArgument, "cut off"},
		"line":             {"I" + strings.Repeat("1", 2<<20) + "\n.", pickle.ErrTooLarge, "line"},
		"repeated copies":  {"]q\x00(" + strings.Repeat("K\x01", 60_000) + "e0" + strings.Repeat("c__builtin__\nset\nh\x00\x85R0", 100) + "N.", pickle.ErrTooLarge, "again"},
	} {
		_, _, err := pickle.Decode([]byte(c.in), pickle.Options{})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.kind, c.text)
		}
	}
	if _, _, err := pickle.Decode([]byte(laugh+"N."), pickle.Options{}); !errors.Is(err, pickle.ErrArgument) {
		t.Errorf("pairs that are none: %v", err)
	}
	if _, _, err := pickle.Decode([]byte(strings.Repeat("N", 100)), pickle.Options{MaxStack: 10}); !errors.Is(err, pickle.ErrTooLarge) {
		t.Errorf("stack: %v", err)
	}
	if _, _, err := pickle.Decode([]byte(strings.Repeat("N0", 100)), pickle.Options{MaxOps: 10}); !errors.Is(err, pickle.ErrTooLarge) {
		t.Errorf("opcodes: %v", err)
	}
}

// TestBombs: values inside themselves and inside each other are read at their real size, and
// walking them ends.
func TestBombs(t *testing.T) {
	self := "]q\x00h\x00a."
	laughs := "]q\x00"
	for i := range 100 {
		laughs += "](" + strings.Repeat(fmt.Sprintf("h%c", i), 10) + "eq" + string(rune(i+1))
	}
	// Every list but the last is below it on the stack; a tuple takes them all.
	laughs = "(" + laughs + "t."
	for name, in := range map[string]string{"itself": self, "laughs": laughs, "deep": strings.Repeat("]", 5000) + strings.Repeat("a", 4999) + "."} {
		v, _, err := pickle.Decode([]byte(in), pickle.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := pickle.Walk(v, 1000, 100_000, func(pickle.Value) bool { return true }); err == nil {
			t.Errorf("%s: the walk ended without an error", name)
		}
	}
}

// TestPersistent: ids go to the caller, and its errors come back.
func TestPersistent(t *testing.T) {
	o := pickle.Options{Persistent: func(id pickle.Value) (pickle.Value, error) {
		if id == int64(1) {
			return "one", nil
		}
		return nil, errors.New("no such storage")
	}}
	if v, _, err := pickle.Decode([]byte("K\x01Q."), o); err != nil || v != "one" {
		t.Errorf("%v, %v", v, err)
	}
	if _, _, err := pickle.Decode([]byte("K\x02Q."), o); !errors.Is(err, pickle.ErrPersistent) || !strings.Contains(err.Error(), "no such storage") {
		t.Errorf("%v", err)
	}
}

// TestReduce: a call of an allowed global is data of the caller's making, or an inert object.
func TestReduce(t *testing.T) {
	o := pickle.Options{
		Allow: func(string, string) bool { return true },
		Reduce: func(g pickle.Global, args pickle.Tuple) (pickle.Value, bool, error) {
			switch g.Name {
			case "known":
				return len(args), true, nil
			case "bad":
				return nil, false, errors.New("cannot be")
			}
			return nil, false, nil
		},
	}
	if v, _, err := pickle.Decode([]byte("cm\nknown\nNN\x86R."), o); err != nil || v != 2 {
		t.Errorf("%v, %v", v, err)
	}
	v, _, err := pickle.Decode([]byte("cm\nother\nN\x85RK\x01aN\x88s}b."), o)
	if err != nil {
		t.Fatal(err)
	}
	if x := v.(*pickle.Object); len(x.Args) != 1 || len(x.Items.Items) != 1 || x.Entries.Len() != 1 || pickle.TypeName(x.State) != "dict" {
		t.Errorf("%+v", x)
	}
	if _, _, err := pickle.Decode([]byte("cm\nbad\n)R."), o); !errors.Is(err, pickle.ErrArgument) {
		t.Errorf("%v", err)
	}
}

// TestDict: a key that is set again keeps its place; dicts of many keys are indexed.
func TestDict(t *testing.T) {
	in := "}("
	for i := range 200 {
		in += fmt.Sprintf("K%cK\x00", i%100)
	}
	v, _, err := pickle.Decode([]byte(in+"u("+strings.Repeat("K\x07X\x01\x00\x00\x00x", 1)+"u."), pickle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := v.(*pickle.Dict)
	if x, _ := d.Get(int64(7)); d.Len() != 100 || x != "x" {
		t.Errorf("%d entries, %v", d.Len(), x)
	}
	if k, _ := d.At(7); k != int64(7) {
		t.Errorf("entry 7 is %v", k)
	}
	if _, ok := d.Get(pickle.Tuple{}); ok {
		t.Error("a tuple was found")
	}
}

// FuzzDecode: no input panics or runs away, and what is read can be walked within bounds.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pkl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"cos\nsystem\n(S'true'\ntR.", "]q\x00h\x00a.", "(ios\nsystem\n.", "\x80\x04\x8c\x02os\x8c\x06system\x93.", "Nr\xff\xff\xff\xff.", "(lp0\nI1\na."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, allow := range []func(string, string) bool{nil, func(string, string) bool { return true }} {
			v, n, err := pickle.Decode(b, pickle.Options{Allow: allow, MaxOps: 1 << 20})
			if err != nil {
				var e *pickle.Error
				if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(b) {
					t.Fatalf("%v is no error of this package", err)
				}
				continue
			}
			if n < 1 || n > len(b) {
				t.Fatalf("%d of %d bytes", n, len(b))
			}
			_ = pickle.Walk(v, 100, 10_000, func(v pickle.Value) bool { return pickle.TypeName(v) != "" })
		}
	})
}
