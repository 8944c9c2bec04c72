//go:build integration

package integration

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// TestImportSchema: a zoo that is imported needs no data set and takes nothing that its files say; its source cannot change.
func TestImportSchema(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "import-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.ModelZooSpec)
		want   string
	}{
		"plain":    {func(*v1alpha1.ModelZooSpec) {}, ""},
		"data-set": {func(z *v1alpha1.ModelZooSpec) { z.Dataset.Name = "mnist" }, ""},
		"preset":   {func(z *v1alpha1.ModelZooSpec) { z.Preset = "mnist-seed" }, "spec.import takes"},
		"recipe":   {func(z *v1alpha1.ModelZooSpec) { z.Training.Epochs = 3 }, "spec.import takes"},
		"layout":   {func(z *v1alpha1.ModelZooSpec) { z.Import.Layout = "keras" }, "spec.import.layout"},
		"folder":   {func(z *v1alpha1.ModelZooSpec) { z.Import.Source.URL = "folder:here" }, "spec.import.source.url"},
		"dots":     {func(z *v1alpha1.ModelZooSpec) { z.Import.Source.URL = "store:a/../b" }, "may not contain"},
		"nothing":  {func(z *v1alpha1.ModelZooSpec) { z.Import, z.Preset = v1alpha1.ZooImport{}, "mnist-seed" }, "set spec.dataset"},
	} {
		z := &v1alpha1.ModelZoo{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: name}}
		z.Spec.Import = v1alpha1.ZooImport{Layout: v1alpha1.ZooLayoutRayTune, Source: v1alpha1.ImportSource{URL: "store:zoos/a.zip", SHA256: strings.Repeat("ab", 32)}}
		c.change(&z.Spec)
		err := k8s.Create(t.Context(), z)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if name != "plain" || err != nil {
			continue
		}
		z.Spec.Import.Source.SHA256 = strings.Repeat("cd", 32)
		if err := k8s.Update(t.Context(), z); err == nil || !strings.Contains(err.Error(), "spec.import is immutable") {
			t.Errorf("another source: %v", err)
		}
	}
}
