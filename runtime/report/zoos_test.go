package report

import (
	"bytes"
	"errors"
	"testing"
)

func TestZoosSideBySide(t *testing.T) {
	a, b := syntheticZoo(smallShape, 7), syntheticZoo(smallShape, 8)
	empty := Input{Header: Header{Name: "empty"}}
	b.Header.Name = "mnist-<b>"
	files, err := BuildZoos([]*Input{&a, &b, &empty})
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, files)
	write(t, "zoos", files)
	for _, want := range []string{"mnist-small", "mnist-&lt;b&gt;", "3 zoos with 24 models", "no result"} {
		if !bytes.Contains(files[ZoosPage], []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, name := range []string{"zoos.svg", "zoos.png", "zoos-learning.svg", "zoos-learning.png"} {
		if files[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	again, err := BuildZoos([]*Input{&a, &b, &empty})
	if err != nil || !bytes.Equal(again[ZoosPage], files[ZoosPage]) || !bytes.Equal(again["zoos.png"], files["zoos.png"]) {
		t.Errorf("two builds differ: %v", err)
	}
	if _, err := BuildZoos(nil); !errors.Is(err, ErrInput) {
		t.Errorf("no zoos: %v", err)
	}
}
