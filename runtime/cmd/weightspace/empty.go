package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// emptyMembers finds members of a ModelZoo's unions, such as "step: {}", that say nothing because their fields are missing. The
// API server refuses them; Go's types cannot tell them from absent ones, and would leave them out.
func (d document) emptyMembers(asJSON []byte, value any) (errs []error) {
	kept, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	var wrote, has any
	if json.Unmarshal(asJSON, &wrote) != nil || json.Unmarshal(kept, &has) != nil {
		return nil
	}
	var compare func(path string, wrote, has any)
	compare = func(path string, wrote, has any) {
		switch w := wrote.(type) {
		case map[string]any:
			h, ok := has.(map[string]any)
			inUnion := strings.HasPrefix(path, "spec.architecture.") || strings.HasPrefix(path, "spec.training.")
			if len(w) == 0 && !ok && inUnion {
				errs = append(errs, d.at(path, "it is empty", "give its fields, or remove it"))
			}
			for _, name := range slices.Sorted(maps.Keys(w)) {
				compare(strings.TrimPrefix(path+"."+name, "."), w[name], h[name])
			}
		case []any:
			h, _ := has.([]any)
			for i, v := range w {
				if i < len(h) {
					compare(fmt.Sprintf("%s[%d]", path, i), v, h[i])
				}
			}
		}
	}
	compare("", wrote, has)
	return errs
}
