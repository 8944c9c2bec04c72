package main

import (
	"strings"
	"testing"
)

const stream = `go: a message of the go command
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: no GPU\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"--- SKIP: TestC\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`

func TestSummary(t *testing.T) {
	s := &summary{output: map[string][]string{}}
	var out strings.Builder
	if err := s.read(strings.NewReader(stream), &out, false); err != nil {
		t.Fatal(err)
	}
	s.print(&out)
	for _, want := range []string{"a message of the go command", "b_test.go:3: wrong", "FAIL\tp", "skipped: p TestC: c_test.go:3: no GPU", "1 packages failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Error("output of a passing test was printed")
	}
	if !strings.HasSuffix(out.String(), "\n1 passed, 1 failed, 1 skipped\n") {
		t.Errorf("last line: %q", out.String())
	}
}

func TestBuildFailureFails(t *testing.T) {
	s := &summary{output: map[string][]string{}}
	var out strings.Builder
	in := `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p"}
`
	if err := s.read(strings.NewReader(in), &out, false); err != nil {
		t.Fatal(err)
	}
	if s.failedPackages != 1 || !strings.Contains(out.String(), "syntax error") {
		t.Errorf("%d failed packages, output %q", s.failedPackages, out.String())
	}
}
