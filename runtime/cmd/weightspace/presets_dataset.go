package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/preset"
)

// presetDataset says how to make the Dataset that a preset asks for. Where the sums of the official files are known it is the manifest
// itself, with the files where `weightspace dataset import` puts them.
func presetDataset(p *preset.Preset) (string, error) {
	flags := p.Import
	if flags == "" {
		flags = "--preset " + p.Dataset
	}
	var b strings.Builder
	command := fmt.Sprintf("# weightspace dataset import --store STORE --name %s --from-dir DIR", p.Dataset)
	var entry *catalog.Entry
	if p.Import == "" {
		var err error
		if entry, err = catalog.Find(p.Dataset); err != nil {
			return "", err
		}
	}
	if entry == nil || !known(entry) {
		comment(&b, "The data set, from its official files in DIR; this uploads them and prints its manifest:")
		fmt.Fprintf(&b, "%s \\\n#   %s\n", command, flags)
		return b.String(), nil
	}
	comment(&b, fmt.Sprintf("%s. This uploads its official files from DIR:", entry.Title))
	fmt.Fprintf(&b, "%s \\\n#   %s\n", command, flags)
	spec := map[string]any{
		"format": entry.Format, "splits": entry.Splits, "normalization": entry.Normalization,
	}
	var files []v1alpha1.DatasetFile
	for _, f := range entry.Files {
		files = append(files, v1alpha1.DatasetFile{Role: v1alpha1.FileRole(f.Role), URL: "store:" + p.Dataset + "/" + f.Name, SHA256: f.SHA256})
	}
	spec["files"] = files
	if entry.Transform != nil {
		spec["transform"] = entry.Transform
	}
	written, err := yaml.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Dataset", "metadata": map[string]any{"name": p.Dataset}, "spec": spec,
	})
	if err != nil {
		return "", err
	}
	b.Write(written)
	return b.String(), nil
}

// known says that the sums of all official files are.
func known(e *catalog.Entry) bool {
	for _, f := range e.Files {
		if f.SHA256 == "" {
			return false
		}
	}
	return true
}
