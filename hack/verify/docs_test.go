package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDeadLinks(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	other := "# One page\n\n## Who may do what?\n"
	if err := os.WriteFile(filepath.Join(root, "docs", "other.md"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "README.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := "[a](other.md) [b](other.md#who-may-do-what) [c](https://example.com/x.md) [d](../README.md)\n" +
		"```\n[e](in-a-fence.md)\n```\n[f](gone.md) [g](other.md#nowhere)\n"
	got := deadLinks(root, "docs/page.md", text)
	want := []string{"link gone.md leads to no file", "link other.md#nowhere leads to no heading"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDocumentedTerms(t *testing.T) {
	terms, err := documentedTerms("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range []string{"Training", "OutOfMemory", "ArtifactsLeft", "weightspace_objects", "weightspace_shard_failures_total"} {
		if !slices.Contains(terms[reference], term) {
			t.Errorf("%s is not among what must be documented", term)
		}
	}
	if got := undocumented("p.md", "`Known` Unquoted", []string{"Known", "Unquoted"}); len(got) != 1 {
		t.Errorf("got %q, want a complaint about Unquoted only", got)
	}
}

func TestDocs(t *testing.T) {
	problems, err := verifyDocs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}
