package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
)

const (
	defaultNamespace = "default"
	// maxManifestBytes is far above what the API server takes.
	maxManifestBytes = 16 << 20
)

// manifests are the objects of one or more files, in the order they stand there.
type manifests struct {
	stores   []*object[v1alpha1.ArtifactStore]
	datasets []*object[v1alpha1.Dataset]
	zoos     []*object[v1alpha1.ModelZoo]
	analyses []*object[v1alpha1.ZooAnalysis]
}

// object is a custom resource and where it was written.
type object[T any] struct {
	value  *T
	source document
}

// document is one YAML document of a file; line is where it starts, from 1.
type document struct {
	file string
	line int
	text []byte
	root *yamlnode.Node
}

// readManifests reads files, folders (their *.yaml, *.yml and *.json) and "-" (standard
// input). Every mistake is reported, joined, with file and line.
func readManifests(paths []string, stdin io.Reader, namespace string) (*manifests, error) {
	m := &manifests{}
	var errs []error
	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, file := range files {
			b, err := readFile(file, stdin)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, m.parse(file, b, namespace)...)
		}
	}
	if len(errs) == 0 && len(m.datasets)+len(m.zoos)+len(m.analyses)+len(m.stores) == 0 {
		errs = append(errs, inputError(strings.Join(paths, ", "), "no Weightspace object is in there", "give a file with a Dataset, ModelZoo or ZooAnalysis of "+v1alpha1.GroupVersion.String()))
	}
	return m, errors.Join(append(errs, m.duplicates()...)...)
}

func expand(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, inputError("-f "+path, "there is no such file or folder", "check the path")
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", path, err)
	}
	var files []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".yaml", ".yml", ".json":
			if !e.IsDir() && !strings.HasPrefix(e.Name(), "kustomization.") {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	sort.Strings(files)
	if len(files) == 0 {
		return nil, inputError("-f "+path, "the folder holds no .yaml, .yml or .json file", "check the path")
	}
	return files, nil
}

func readFile(file string, stdin io.Reader) ([]byte, error) {
	r := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("-f %s: %w", file, err)
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", file, err)
	}
	if len(b) > maxManifestBytes {
		return nil, inputError("-f "+file, fmt.Sprintf("the file is larger than %d bytes", maxManifestBytes), "give Kubernetes manifests")
	}
	return b, nil
}

// parse splits a file into documents and reads each.
func (m *manifests) parse(file string, b []byte, namespace string) []error {
	var errs []error
	for _, d := range splitDocuments(file, b) {
		if err := m.add(d, namespace); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

var separator = regexp.MustCompile(`^---(\s.*)?$`)

func splitDocuments(file string, b []byte) []document {
	var out []document
	current := document{file: file, line: 1}
	flush := func(next int) {
		if text := bytes.TrimSpace(current.text); len(text) > 0 {
			out = append(out, current)
		}
		current = document{file: file, line: next}
	}
	for i, line := range bytes.SplitAfter(b, []byte("\n")) {
		if separator.Match(bytes.TrimRight(line, "\r\n")) {
			flush(i + 2)
			continue
		}
		current.text = append(current.text, line...)
	}
	flush(0)
	return out
}

// add reads one document into a typed object.
func (m *manifests) add(d document, namespace string) error {
	var node yamlnode.Node
	if err := yamlnode.Unmarshal(d.text, &node); err != nil {
		return d.yamlError(err)
	}
	if len(node.Content) == 0 {
		return nil // comments only
	}
	d.root = node.Content[0]
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(d.text, &meta); err != nil {
		return d.yamlError(err)
	}
	if meta.APIVersion != v1alpha1.GroupVersion.String() {
		return d.at("apiVersion", fmt.Sprintf("%q is not known here", meta.APIVersion), "use "+v1alpha1.GroupVersion.String())
	}
	switch meta.Kind {
	case "ArtifactStore":
		o, err := decodeObject[v1alpha1.ArtifactStore](d)
		if err != nil {
			return err
		}
		m.stores = append(m.stores, o)
		return d.checkName(o.value.Name)
	case "Dataset":
		o, err := decodeObject[v1alpha1.Dataset](d)
		if err != nil {
			return err
		}
		setNamespace(&o.value.ObjectMeta, namespace)
		plan.DefaultDataset(&o.value.Spec)
		m.datasets = append(m.datasets, o)
		return errors.Join(d.checkMeta(&o.value.ObjectMeta), d.checkDataset(&o.value.Spec))
	case "ModelZoo":
		o, err := decodeObject[v1alpha1.ModelZoo](d)
		if err != nil {
			return err
		}
		setNamespace(&o.value.ObjectMeta, namespace)
		plan.DefaultModelZoo(&o.value.Spec)
		m.zoos = append(m.zoos, o)
		return errors.Join(d.checkMeta(&o.value.ObjectMeta), d.checkZoo(&o.value.Spec))
	case "ZooAnalysis":
		o, err := decodeObject[v1alpha1.ZooAnalysis](d)
		if err != nil {
			return err
		}
		setNamespace(&o.value.ObjectMeta, namespace)
		plan.DefaultZooAnalysis(&o.value.Spec)
		m.analyses = append(m.analyses, o)
		return errors.Join(d.checkMeta(&o.value.ObjectMeta), d.checkAnalysis(&o.value.Spec))
	}
	return d.at("kind", fmt.Sprintf("%q is not a kind of %s that runs here", meta.Kind, v1alpha1.GroupVersion.Group), "use ArtifactStore, Dataset, ModelZoo or ZooAnalysis")
}

func setNamespace(o *metav1.ObjectMeta, namespace string) {
	if o.Namespace == "" {
		o.Namespace = namespace
	}
}

// decodeObject reads a document strictly: unknown and repeated fields are mistakes.
func decodeObject[T any](d document) (*object[T], error) {
	// Going through JSON keeps a number a number where a string is asked for, as the API server
	// sees it; the YAML library would turn it into text.
	asJSON, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, d.yamlError(err)
	}
	o := &object[T]{value: new(T), source: d}
	strict, err := json.UnmarshalStrict(asJSON, o.value)
	var errs []error
	for _, e := range append(strict, err) {
		if e != nil {
			errs = append(errs, d.yamlError(e))
		}
	}
	return o, errors.Join(append(errs, d.emptyMembers(asJSON, o.value)...)...)
}

// duplicates finds two objects of the same kind, namespace and name.
func (m *manifests) duplicates() []error {
	var errs []error
	seen := map[string]document{}
	check := func(kind, namespace, name string, d document) {
		key := kind + " " + namespace + "/" + name
		if first, ok := seen[key]; ok {
			errs = append(errs, d.at("metadata.name", fmt.Sprintf("%s stands in %s:%d already", key, first.name(), first.line), "remove or rename one"))
			return
		}
		seen[key] = d
	}
	for _, o := range m.stores {
		check("ArtifactStore", "", o.value.Name, o.source)
	}
	for _, o := range m.datasets {
		check("Dataset", o.value.Namespace, o.value.Name, o.source)
	}
	for _, o := range m.zoos {
		check("ModelZoo", o.value.Namespace, o.value.Name, o.source)
	}
	for _, o := range m.analyses {
		check("ZooAnalysis", o.value.Namespace, o.value.Name, o.source)
	}
	return errs
}
