package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/program"
)

// at is a mistake in a field, with file and line.
func (d document) at(field, problem, remedy string) error {
	return &program.InputError{Field: fmt.Sprintf("%s:%d: %s", d.name(), d.lineOf(field), field), Problem: problem, Remedy: remedy}
}

// located adds file and line to an error that names a field.
func (d document) located(err error) error {
	var field *plan.FieldError
	var input *program.InputError
	switch {
	case errors.As(err, &field):
		return d.at(field.Field, field.Problem, field.Remedy)
	case errors.As(err, &input) && !strings.HasPrefix(input.Field, d.name()):
		return d.at(input.Field, input.Problem, input.Remedy)
	}
	return err
}

func (d document) name() string {
	if d.file == "-" {
		return "standard input"
	}
	return d.file
}

// lineOf returns the line of a field such as spec.population.grid.learningRate[1], or of the
// deepest part of it that is written; keyed entries such as spec.files[trainImages] are found by role.
func (d document) lineOf(field string) int {
	node, line := d.root, d.line
	for _, part := range pathParts(field) {
		next, at := step(node, part)
		if next == nil {
			break
		}
		node, line = next, at+d.line-1
	}
	return line
}

var partPattern = regexp.MustCompile(`[^.\[\]]+`)

func pathParts(field string) []string { return partPattern.FindAllString(field, -1) }

// step goes from a node to a member: a key of a map, an index of a list, or the entry of a
// list whose role or name is the part.
func step(n *yamlnode.Node, part string) (*yamlnode.Node, int) {
	switch {
	case n == nil:
	case n.Kind == yamlnode.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				return n.Content[i+1], n.Content[i].Line
			}
		}
	case n.Kind == yamlnode.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i].Line
		}
		for _, entry := range n.Content {
			for _, key := range []string{"role", "name"} {
				if v, _ := step(entry, key); v != nil && v.Value == part {
					return entry, entry.Line
				}
			}
		}
	}
	return nil, 0
}

var (
	yamlLine     = regexp.MustCompile(`line (\d+)`)
	unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field \S*?\.?([A-Za-z0-9.]+) of type (\S+)`)
)

// yamlError turns the parser's words into field, problem and remedy.
func (d document) yamlError(err error) error {
	text := err.Error()
	if m := unknownField.FindStringSubmatch(text); m != nil {
		parts := pathParts(m[1])
		return d.at(m[1], fmt.Sprintf("unknown field %q", parts[len(parts)-1]), "check the spelling and where it stands")
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		parts := pathParts(m[2])
		return d.keyError(parts[len(parts)-1], fmt.Sprintf("a %s stands where the type is %s", m[1], goType(m[3])), "decimals are strings in quotes, counts are whole numbers")
	}
	line := d.line
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		line = d.line + n - 1
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "error converting YAML to JSON: "), "yaml: ")
	return &program.InputError{Field: fmt.Sprintf("%s:%d", d.name(), line), Problem: text, Remedy: "write valid YAML"}
}

// goType names a Go type as a user knows it.
func goType(t string) string {
	switch {
	case strings.HasSuffix(t, "Decimal"), t == "string":
		return "string"
	case strings.HasPrefix(t, "int"):
		return "whole number"
	case t == "bool":
		return "true or false"
	}
	return t[strings.LastIndex(t, ".")+1:]
}

// keyError is a mistake at the first key of that name anywhere in the document.
func (d document) keyError(key, problem, remedy string) error {
	line, path := findKey(d.root, key, "")
	if line == 0 {
		line, path = 1, key
	}
	return &program.InputError{Field: fmt.Sprintf("%s:%d: %s", d.name(), d.line+line-1, path), Problem: problem, Remedy: remedy}
}

func findKey(n *yamlnode.Node, key, path string) (line int, at string) {
	if n == nil {
		return 0, ""
	}
	switch n.Kind {
	case yamlnode.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			if n.Content[i].Value == key {
				return n.Content[i].Line, p
			}
			if line, at := findKey(n.Content[i+1], key, p); line > 0 {
				return line, at
			}
		}
	case yamlnode.SequenceNode:
		for i, c := range n.Content {
			if line, at := findKey(c, key, fmt.Sprintf("%s[%d]", path, i)); line > 0 {
				return line, at
			}
		}
	default: // a scalar holds no keys
	}
	return 0, ""
}

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	urlPattern    = regexp.MustCompile(`^(https?://[^\s]+|store:[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)$`)
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (d document) checkName(name string) error {
	if len(name) > 63 || !namePattern.MatchString(name) {
		return d.at("metadata.name", fmt.Sprintf("%q is not a name", name), "use up to 63 lower-case letters, digits and '-', beginning and ending with a letter or digit")
	}
	return nil
}

func (d document) checkMeta(o *metav1.ObjectMeta) error {
	if len(o.Namespace) > 63 || !namePattern.MatchString(o.Namespace) {
		return d.at("metadata.namespace", fmt.Sprintf("%q is not a name", o.Namespace), "use lower-case letters, digits and '-'")
	}
	return d.checkName(o.Name)
}

// checkDataset makes the checks of the schema that the plan does not repeat.
func (d document) checkDataset(s *v1alpha1.DatasetSpec) error {
	var errs []error
	for i, f := range s.Files {
		at := fmt.Sprintf("spec.files[%d]", i)
		if !sha256Pattern.MatchString(f.SHA256) {
			errs = append(errs, d.at(at+".sha256", fmt.Sprintf("%q is not a sha256", f.SHA256), "give 64 lower-case hexadecimal digits, as sha256sum prints them"))
		}
		if !urlPattern.MatchString(f.URL) || hasDots(f.URL) {
			errs = append(errs, d.at(at+".url", fmt.Sprintf("%q is not a source", f.URL), "give an http(s) URL, or store:path for an imported file"))
		}
	}
	return errors.Join(errs...)
}

func hasDots(url string) bool {
	path, ok := strings.CutPrefix(url, "store:")
	if !ok {
		return false
	}
	for _, p := range strings.Split(path, "/") {
		if p == "." || p == ".." {
			return true
		}
	}
	return false
}

func (d document) checkZoo(s *v1alpha1.ModelZooSpec) error {
	if s.Imported() && s.Dataset.Name == "" {
		return nil
	}
	if !namePattern.MatchString(string(s.Dataset.Name)) {
		return d.at("spec.dataset.name", fmt.Sprintf("%q is not the name of a Dataset", s.Dataset.Name), "name a Dataset in the same namespace")
	}
	return nil
}

func (d document) checkAnalysis(s *v1alpha1.ZooAnalysisSpec) error {
	if !namePattern.MatchString(string(s.Zoo.Name)) {
		return d.at("spec.zoo.name", fmt.Sprintf("%q is not the name of a ModelZoo", s.Zoo.Name), "name a ModelZoo in the same namespace")
	}
	return nil
}
