// Command verify holds the modules that the product links against what the project allows: a
// direct dependency must be listed in allowed.txt, and every licence file of every linked module
// must be a permissive licence, or the module is reviewed below and credited in NOTICE. Modules
// that only tests import may be MPL-2.0. With -docs it checks the documentation instead.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed allowed.txt
var allowedText string

// reviewed are modules whose licence a person read, because its text is none of the usual ones.
// NOTICE must name those that the product links. All come with gonum.org/v1/plot, which draws the
// report's figures.
var reviewed = map[string]string{
	"github.com/ajstarks/svgo":         "CC-BY-4.0: free use with attribution; writes the SVG figures",
	"github.com/golang/freetype":       "FreeType License or GPL at choice: the former, BSD with a credit clause; rasterises the PNG figures",
	"codeberg.org/go-fonts/liberation": "BSD code around fonts under the SIL OFL 1.1, which may be embedded in any software; text of the figures",
}

// module is what `go list` says of one.
type module struct {
	Path, Version, Dir string
	Main, Indirect     bool
}

// listed is what `go list -deps` says of a package.
type listed struct {
	Standard bool
	Module   *module
}

func main() {
	docs := flag.Bool("docs", false, "check the documentation's links and reference instead of dependencies")
	flag.Parse()
	check := verify
	if *docs {
		check = func() ([]string, error) { return verifyDocs(".") }
	}
	problems, err := check()
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// verify returns what is not allowed.
func verify() ([]string, error) {
	linked, err := modules("-deps", "./...")
	if err != nil {
		return nil, err
	}
	tested, err := modules("-deps", "-test", "-tags=e2e,integration,chart,tools", "./...")
	if err != nil {
		return nil, err
	}
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		return nil, err
	}
	problems := checkDirect(tested, parseAllowed(allowedText))
	problems = append(problems, checkReviewed(reviewed, linked, tested, string(notice))...)
	for path, m := range tested {
		if reviewed[path] != "" {
			continue
		}
		_, product := linked[path]
		texts, err := licenceTexts(m.Dir)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s %s: %v", path, m.Version, err))
			continue
		}
		for name, text := range texts {
			if id := identify(text); !permitted(id, product) {
				problems = append(problems, fmt.Sprintf("%s %s: licence %q in %s is not among Apache-2.0, MIT, BSD, ISC (MPL-2.0 in tests)", path, m.Version, id, name))
			}
		}
	}
	slices.Sort(problems)
	return problems, nil
}

// checkReviewed names exceptions that nothing needs any more and those that NOTICE does not credit.
func checkReviewed(exceptions map[string]string, linked, tested map[string]*module, notice string) []string {
	var out []string
	for path := range exceptions {
		switch {
		case tested[path] == nil:
			out = append(out, path+" is reviewed in hack/verify/main.go but not used; remove it there and in NOTICE")
		case linked[path] != nil && !strings.Contains(notice, "\n"+path+"\n"):
			out = append(out, path+" is linked under a licence that asks for credit, but NOTICE does not name it")
		}
	}
	return out
}

// modules lists the modules of the packages that go list names, without our own.
func modules(args ...string) (map[string]*module, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=Standard,Module"}, args...)...)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	out := map[string]*module{}
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if !p.Standard && p.Module != nil && !p.Module.Main {
			out[p.Module.Path] = p.Module
		}
	}
}

// parseAllowed reads one module path per line; # starts a comment.
func parseAllowed(text string) map[string]bool {
	out := map[string]bool{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			out[line] = true
		}
	}
	return out
}

// checkDirect names direct dependencies that are not allowed.
func checkDirect(used map[string]*module, allowed map[string]bool) []string {
	var out []string
	for path, m := range used {
		if !m.Indirect && !allowed[path] {
			out = append(out, fmt.Sprintf("%s is a direct dependency that hack/verify/allowed.txt lacks", path))
		}
	}
	return out
}

// licenceTexts reads the licence files of a module; a module may have several, for its parts.
// That of its documentation (*.docs), which is in no program, does not matter.
func licenceTexts(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if e.IsDir() || slices.Contains([]string{".go", ".docs"}, filepath.Ext(name)) || !slices.ContainsFunc([]string{"license", "licence", "copying"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out[e.Name()] = string(b)
	}
	if len(out) == 0 {
		return nil, errors.New("no licence file")
	}
	return out, nil
}

// identify names a licence by phrases that its text must hold.
func identify(text string) string {
	flat := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, l := range []struct {
		id      string
		phrases []string
	}{
		{"AGPL", []string{"affero general public license", "preamble"}},
		{"GPL", []string{"general public license", "preamble"}},
		{"Apache-2.0", []string{"apache license", "version 2.0"}},
		{"MPL-2.0", []string{"mozilla public license", "2.0"}},
		{"MIT", []string{"permission is hereby granted, free of charge"}},
		{"BSD", []string{"redistribution and use in source and binary forms"}},
		{"ISC", []string{"permission to use, copy, modify", "distribute this software"}},
	} {
		if !slices.ContainsFunc(l.phrases, func(p string) bool { return !strings.Contains(flat, p) }) {
			return l.id
		}
	}
	return "unknown"
}

// permitted says whether a licence may be used, in the product or in tests only.
func permitted(id string, product bool) bool {
	switch id {
	case "Apache-2.0", "MIT", "BSD", "ISC":
		return true
	case "MPL-2.0":
		return !product
	}
	return false
}
