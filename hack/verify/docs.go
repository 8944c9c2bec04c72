package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// reference is the page that lists metrics, reasons and events; guide the one that says what to
// do about reasons.
const (
	reference = "docs/reference/metrics-and-events.md"
	guide     = "docs/quickstart-admin.md"
)

var (
	fence       = regexp.MustCompile("(?ms)^```.*?^```")
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading     = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)
	reasonConst = regexp.MustCompile(`(?m)^\tReason[A-Za-z]+ += "([A-Za-z]+)"`)
	metricName  = regexp.MustCompile(`Namespace: namespace, Name: "([a-z_]+)"|namespace\+"_([a-z_]+)"`)
	testName    = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`")
	eventReason = regexp.MustCompile(`\.Eventf\([^"\n]*corev1\.EventType[A-Za-z]+, "([A-Za-z]+)"`)
)

// verifyDocs returns links that lead nowhere, names of tests that do not exist, and metrics, reasons and events of the code that
// the reference does not list.
func verifyDocs(root string) ([]string, error) {
	out, err := exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		return nil, fmt.Errorf("list the pages: %w", err)
	}
	tests, err := exec.Command("git", "-C", root, "grep", "--untracked", "-hE", "^func Test", "--", "*_test.go").Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests: %w", err)
	}
	var problems []string
	for page := range strings.FieldsSeq(string(out)) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if os.IsNotExist(err) {
			continue // deleted, not committed yet
		}
		if err != nil {
			return nil, err
		}
		for _, problem := range deadLinks(root, page, string(text)) {
			problems = append(problems, page+": "+problem)
		}
		for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(tests), "func "+m[1]+"(") {
				problems = append(problems, page+": there is no test `"+m[1]+"`")
			}
		}
	}
	terms, err := documentedTerms(root)
	if err != nil {
		return nil, err
	}
	for _, page := range []string{reference, guide} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			return nil, err
		}
		problems = append(problems, undocumented(page, string(text), terms[page])...)
	}
	slices.Sort(problems)
	return problems, nil
}

// deadLinks checks the relative links of a page: the file must exist, and the heading in it.
func deadLinks(root, page, text string) []string {
	var out []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, ":") {
			continue // another site
		}
		path := filepath.Join(root, page)
		if target != "" {
			path = filepath.Join(filepath.Dir(path), target)
		}
		if _, err := os.Stat(path); err != nil {
			out = append(out, "link "+m[1]+" leads to no file")
			continue
		}
		if anchor == "" || !strings.HasSuffix(path, ".md") {
			continue
		}
		there, err := os.ReadFile(path)
		if err != nil || !slices.Contains(anchors(string(there)), anchor) {
			out = append(out, "link "+m[1]+" leads to no heading")
		}
	}
	return out
}

// anchors are the names that GitHub gives to the headings of a page.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}

// documentedTerms are the words of the code that each page must hold.
func documentedTerms(root string) (map[string][]string, error) {
	reasons, err := find(root, "api/v1alpha1/conditions.go", reasonConst)
	if err != nil {
		return nil, err
	}
	metrics, err := find(root, "controllers/metrics/*.go", metricName)
	if err != nil {
		return nil, err
	}
	events, err := find(root, "controllers/staged/*.go", eventReason)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(reasons, events)
	for _, m := range metrics {
		all = append(all, "weightspace_"+m)
	}
	return map[string][]string{reference: all, guide: reasons}, nil
}

// find returns what the pattern's groups match in the files; nothing found is an error, since
// then the pattern is out of date.
func find(root, glob string, pattern *regexp.Regexp) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, glob))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for _, m := range pattern.FindAllStringSubmatch(string(b), -1) {
			out = append(out, strings.Join(m[1:], ""))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds nothing like %s; mend the pattern in hack/verify/docs.go", glob, pattern)
	}
	return out, nil
}

// undocumented are the terms that a page does not hold between backquotes.
func undocumented(page, text string, terms []string) []string {
	var out []string
	for _, term := range terms {
		if !strings.Contains(text, "`"+term+"`") {
			out = append(out, page+": `"+term+"` of the code is missing")
		}
	}
	return out
}
