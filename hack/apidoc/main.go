// Command apidoc writes docs/reference/api.md from the custom resource definitions: every kind,
// every field with its type, bounds, default and description, and the validation rules.
//
//	go run ./hack/apidoc -out docs/reference/api.md
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	dir := flag.String("crds", "config/crd/bases", "folder of the definitions")
	out := flag.String("out", "docs/reference/api.md", "file to write")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "apidoc:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# API reference\n\nGenerated from `config/crd/bases` by `make generate`. Group `weightspace.dev`.\n")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var crd apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		kind(&b, &crd)
	}
	return os.WriteFile(out, []byte(b.String()), 0o644)
}

// kind writes one section per version of a kind.
func kind(b *strings.Builder, crd *apiextensions.CustomResourceDefinition) {
	n := crd.Spec.Names
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		fmt.Fprintf(b, "\n## %s (%s)\n\n", n.Kind, v.Name)
		schema := v.Schema.OpenAPIV3Schema
		fmt.Fprintf(b, "%s\n\n%s; `kubectl get %s`", oneLine(schema.Description), crd.Spec.Scope, n.Plural)
		if len(n.ShortNames) > 0 {
			fmt.Fprintf(b, " or `%s`", strings.Join(n.ShortNames, "`, `"))
		}
		b.WriteString(".\n")
		rules(b, schema)
		for _, part := range []string{"spec", "status"} {
			p, ok := schema.Properties[part]
			if !ok {
				continue
			}
			fmt.Fprintf(b, "\n### %s.%s\n\n| field | type | description |\n|---|---|---|\n", n.Kind, part)
			fields(b, "", &p)
			rules(b, &p)
		}
	}
}

// fields writes a row per property, children below their parent.
func fields(b *strings.Builder, prefix string, s *apiextensions.JSONSchemaProps) {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := s.Properties[name]
		path := prefix + name
		required := ""
		if slices.Contains(s.Required, name) {
			required = " **required**"
		}
		fmt.Fprintf(b, "| `%s` | %s%s | %s |\n", path, typeText(&p), required, cell(p.Description))
		switch {
		case name == "conditions" || name == "tolerations":
			// metav1.Condition and corev1.Toleration are documented by Kubernetes.
		case p.Items != nil && p.Items.Schema != nil:
			fields(b, path+"[].", p.Items.Schema)
		default:
			fields(b, path+".", &p)
		}
	}
}

// typeText says type, enumeration, bounds and default.
func typeText(p *apiextensions.JSONSchemaProps) string {
	t := p.Type
	if p.XIntOrString {
		t = "integer or string"
	}
	var notes []string
	item := p
	if p.Items != nil && p.Items.Schema != nil {
		item = p.Items.Schema
		t = "[]" + item.Type
	}
	if len(item.Enum) > 0 {
		values := make([]string, 0, len(item.Enum))
		for _, e := range item.Enum {
			values = append(values, strings.Trim(string(e.Raw), `"`))
		}
		notes = append(notes, "one of "+strings.Join(values, ", "))
	}
	if p.Minimum != nil || p.Maximum != nil {
		notes = append(notes, "between "+bound(p.Minimum)+" and "+bound(p.Maximum))
	}
	if p.MaxItems != nil {
		notes = append(notes, fmt.Sprintf("at most %d", *p.MaxItems))
	}
	if p.Default != nil {
		notes = append(notes, "default `"+cell(string(p.Default.Raw))+"`")
	}
	if len(notes) == 0 {
		return t
	}
	return t + " (" + strings.Join(notes, "; ") + ")"
}

func bound(f *float64) string {
	if f == nil {
		return "any"
	}
	return fmt.Sprintf("%.0f", *f)
}

// rules lists the messages of validation rules.
func rules(b *strings.Builder, s *apiextensions.JSONSchemaProps) {
	if len(s.XValidations) == 0 {
		return
	}
	b.WriteString("\nRules:\n\n")
	for _, r := range s.XValidations {
		text := r.Message
		if text == "" {
			text = "`" + r.Rule + "`"
		}
		fmt.Fprintf(b, "- %s\n", oneLine(text))
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cell makes text fit into a table.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }
