//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
)

// withFiles makes a data set of a format with files of these roles.
func withFiles(ns, name, format, roles string) *v1alpha1.Dataset {
	d := wt.MakeDataset(ns, name).Obj()
	d.Spec.Format, d.Spec.Files = v1alpha1.DatasetFormat(format), nil
	for i, role := range strings.Fields(roles) {
		d.Spec.Files = append(d.Spec.Files, v1alpha1.DatasetFile{
			Role: v1alpha1.FileRole(role), URL: fmt.Sprintf("store:data/%d", i), SHA256: strings.Repeat("0", 64),
		})
	}
	return d
}

// TestDatasetValidation: the API server takes what each format needs, and says what it lacks.
func TestDatasetValidation(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cel-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	edit := func(d *v1alpha1.Dataset, f func(*v1alpha1.DatasetSpec)) *v1alpha1.Dataset {
		f(&d.Spec)
		return d
	}
	full := strings.TrimSpace(strings.Repeat("train ", 40) + strings.Repeat("test ", 24))
	for i, tc := range []struct {
		d    *v1alpha1.Dataset
		says string // "" is accepted
	}{
		{withFiles(ns.Name, "a", "idx", "trainImages trainLabels testImages testLabels"), ""},
		{withFiles(ns.Name, "a", "idx", "trainImages trainLabels testImages testImages"), "format idx takes"},
		{withFiles(ns.Name, "a", "cifar10", "train train test"), ""},
		{withFiles(ns.Name, "a", "cifar100", "archive"), ""},
		{withFiles(ns.Name, "a", "cifar10", "train train"), "formats cifar10 and cifar100 take"},
		{withFiles(ns.Name, "a", "cifar10", "archive test"), "formats cifar10 and cifar100 take"},
		{withFiles(ns.Name, "a", "svhn", "train test"), ""},
		{withFiles(ns.Name, "a", "usps", "train test test"), "formats svhn and usps take"},
		{withFiles(ns.Name, "a", "stl10", "archive"), ""},
		{withFiles(ns.Name, "a", "stl10", "train test"), "format stl10 takes"},
		{withFiles(ns.Name, "a", "imageFolder", "train test validation"), ""},
		{withFiles(ns.Name, "a", "imageFolder", "train test test"), "format imageFolder takes"},
		{withFiles(ns.Name, "a", "imageFolder", "archive archive"), "format imageFolder takes"},
		{withFiles(ns.Name, "a", "npz", "archive"), ""},
		{withFiles(ns.Name, "a", "npz", "train"), "format npz takes"},
		{withFiles(ns.Name, "a", "parquet", full), ""},
		{withFiles(ns.Name, "a", "parquet", "train validation"), "format parquet takes"},
		{withFiles(ns.Name, "a", "tar", "archive"), "spec.format"},
		{wt.MakeDataset(ns.Name, "a").URL("s3://bucket/a b").Obj(), "spec.files[0].url"},
		{wt.MakeDataset(ns.Name, "a").URL("s3://bucket/x?endpoint=http://evil.example.com").Obj(), "spec.files[0].url"},
		{wt.MakeDataset(ns.Name, "a").URL("azblob://box/folder/x.bin").Obj(), ""},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) { s.Files[1].URL = s.Files[0].URL }), "spec.files"},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) { s.Options.Labels = "coarse" }), "format cifar100 only"},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) { s.Options.LabelColumn = "y" }), "format parquet only"},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) { s.Transform.Interpolation = "bicubic" }), "spec.transform.interpolation"},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) { s.Transform.Resize, s.Transform.CenterCrop = 28, 32 }), "spec.transform.centerCrop"},
		{edit(wt.MakeDataset(ns.Name, "a").Obj(), func(s *v1alpha1.DatasetSpec) {
			s.Transform = v1alpha1.DatasetTransform{Resize: 256, Interpolation: "bicubic", CenterCrop: 224, Grayscale: ptr.To(true)}
		}), ""},
	} {
		err := k8s.Create(t.Context(), tc.d)
		switch {
		case tc.says == "" && err != nil:
			t.Errorf("%d: %v", i, err)
		case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
			t.Errorf("%d: %v; want a refusal that says %q", i, err, tc.says)
		case err == nil:
			if err := k8s.Delete(t.Context(), tc.d); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := withFiles(ns.Name, "fixed", "cifar100", "archive")
	d.Spec.Transform.Resize, d.Spec.Options.Labels = 28, "coarse"
	if err := k8s.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for patch, want := range map[string]string{
		`{"spec":{"transform":{"resize":32}}}`:   "spec.transform is immutable",
		`{"spec":{"transform":null}}`:            "spec.transform is immutable",
		`{"spec":{"options":{"labels":"fine"}}}`: "spec.options is immutable",
		`{"spec":{"options":null}}`:              "spec.options is immutable",
		`{"spec":{"format":"cifar10"}}`:          "spec.format is immutable",
		`{"spec":{"files":[{"role":"archive","url":"store:other","sha256":"` + strings.Repeat("0", 64) + `"}]}}`: "spec.files is immutable",
	} {
		err := k8s.Patch(t.Context(), d.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", patch, err, want)
		}
	}
}

// TestBucketPolicy: a bucket is read only when the admin allows it, with the store's credentials and no other host.
func TestBucketPolicy(t *testing.T) {
	p := newPlace(t)
	p.stop()
	p.startManager(staged.Policy{RuntimeImage: image, AllowedHosts: []string{"data.example.com", "s3://public/images"}})
	refused := func(name, url, what string) {
		p.create(wt.MakeDataset(p.ns, name).URL(url).Obj())
		eventually(t, name, func() string {
			d := &v1alpha1.Dataset{}
			if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: p.ns, Name: name}, d); err != nil {
				return err.Error()
			}
			c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Reason != v1alpha1.ReasonHostNotAllowed || !strings.Contains(c.Message, what) {
				return fmt.Sprintf("Ready %+v", c)
			}
			return ""
		})
	}
	refused("other-bucket", "s3://secret/images/x", `bucket "s3://secret"`)
	refused("other-folder", "s3://public/private/x", `bucket "s3://public"`)
	refused("other-cloud", "gs://public/images/x", `bucket "gs://public"`)
	refused("web", "https://public/images/x", `host "public"`)
	p.create(wt.MakeDataset(p.ns, "allowed").URL("s3://public/images/x").Obj())
	eventually(t, "the Job of an allowed bucket", func() string {
		if len(p.jobs("allowed")) == 0 {
			return "no Job"
		}
		return ""
	})
}
