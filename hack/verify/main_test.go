package main

import (
	"os"
	"testing"
)

func TestIdentify(t *testing.T) {
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(own): "Apache-2.0",
		"Permission is hereby granted, free of\n charge, to any person":       "MIT",
		"Redistribution and use in source and binary\nforms, with or without": "BSD",
		"Mozilla Public License Version 2.0":                                  "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3 Preamble":                       "GPL",
		"All rights reserved.":                                                "unknown",
	} {
		if got := identify(text); got != want {
			t.Errorf("identify(%.40q) = %s, want %s", text, got, want)
		}
	}
}

func TestPermitted(t *testing.T) {
	if !permitted("MPL-2.0", false) || permitted("MPL-2.0", true) || permitted("GPL", false) || permitted("unknown", false) || !permitted("BSD", true) {
		t.Error("a licence is judged wrongly")
	}
}

func TestDirectDependencies(t *testing.T) {
	allowed := parseAllowed("a.example/x # why\n\n# comment\n")
	used := map[string]*module{
		"a.example/x": {Path: "a.example/x"}, "b.example/y": {Path: "b.example/y"},
		"c.example/z": {Path: "c.example/z", Indirect: true},
	}
	if got := checkDirect(used, allowed); len(got) != 1 || got[0] != "b.example/y is a direct dependency that hack/verify/allowed.txt lacks" {
		t.Errorf("got %q", got)
	}
}
