package main

import (
	"os"
	"path/filepath"
	"strings"
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

func TestEveryLicenceFileCounts(t *testing.T) {
	dir := t.TempDir()
	if _, err := licenceTexts(dir); err == nil {
		t.Error("a module without a licence was accepted")
	}
	for _, name := range []string{"LICENSE", "LICENSE-fonts", "Copying.txt", "license.go", "LICENSE.docs", "README"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := licenceTexts(dir)
	if err != nil || len(got) != 3 || got["LICENSE-fonts"] != "LICENSE-fonts" || got["Copying.txt"] == "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestReviewedLicencesAreCredited(t *testing.T) {
	used := map[string]*module{"a.example/x": {}, "b.example/y": {}}
	got := checkReviewed(map[string]string{"a.example/x": "why", "b.example/y": "why", "c.example/z": "why"}, used, used, "\na.example/x\n")
	if text := strings.Join(got, "\n"); len(got) != 2 || !strings.Contains(text, "b.example/y is linked") || !strings.Contains(text, "c.example/z is reviewed") {
		t.Errorf("got %q", got)
	}
}
