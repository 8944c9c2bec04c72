package v1alpha1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReasonsAreUnique reads the constants themselves: every reason and condition type is a
// CamelCase word, has one name, is the word its name says, and is documented.
func TestReasonsAreUnique(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "conditions.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`^[A-Z][A-Za-z]{0,62}$`)
	seen := map[string]string{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec)
			name := v.Names[0].Name
			prefix := "Reason"
			if strings.HasPrefix(name, "Condition") {
				prefix = "Condition"
			} else if !strings.HasPrefix(name, "Reason") {
				continue
			}
			value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if !word.MatchString(value) || prefix+value != name {
				t.Errorf("%s is %q", name, value)
			}
			if other := seen[prefix+value]; other != "" {
				t.Errorf("%s and %s are both %q", name, other, value)
			}
			seen[prefix+value] = name
			if !strings.HasPrefix(v.Doc.Text(), name+" ") {
				t.Errorf("%s has no doc comment that begins with its name", name)
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d constants found", len(seen))
	}
}
