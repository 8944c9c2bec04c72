package program

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestFetchWrongInput: every mistake of the user ends with exit code 65 and the field.
func TestFetchWrongInput(t *testing.T) {
	good := sources()
	for name, tc := range map[string]struct {
		change func(l *lab, d *v1alpha1.DatasetSpec, files map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec
		field  string
	}{
		"wrong sha256": {func(_ *lab, d *v1alpha1.DatasetSpec, _ map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
			d.Files[1].SHA256 = strings.Repeat("a", 64)
			return d
		}, "spec.files[trainLabels].sha256"},
		"not uploaded": {func(_ *lab, d *v1alpha1.DatasetSpec, _ map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
			d.Files[2].URL = "store:tiny/nowhere"
			return d
		}, "spec.files[testImages].url"},
		"malformed IDX": {func(l *lab, _ *v1alpha1.DatasetSpec, f map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
			f[v1alpha1.FileRoleTestImages] = f[v1alpha1.FileRoleTestImages][:100]
			return l.datasetSpec(f)
		}, "spec.files[testImages]"},
		"counts differ": {func(l *lab, _ *v1alpha1.DatasetSpec, f map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
			f[v1alpha1.FileRoleTestLabels] = idx([]int{3}, []byte{1, 2, 3})
			return l.datasetSpec(f)
		}, "spec.files[testLabels]"},
		"splits too large": {func(_ *lab, d *v1alpha1.DatasetSpec, _ map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
			d.Splits.Train = 1000
			return d
		}, "spec.splits"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			files := map[v1alpha1.FileRole][]byte{}
			for role, b := range good {
				files[role] = b
			}
			d := tc.change(l, l.datasetSpec(files), files)
			_, err := l.run(l.planDataset(d, "tiny"), spec.StageFetch, 0, l.env())
			term := Termination(nil, err)
			if ExitCode(err) != spec.ExitInvalidInput || term.Field != tc.field || term.Message == "" {
				t.Errorf("exit code %d, %+v", ExitCode(err), term)
			}
			if left := l.files("default/dataset/"); len(left) != 0 {
				t.Errorf("left in the store: %v", left)
			}
		})
	}
}

// TestFetchOverHTTP: gzip sources, a server that breaks off, answers 503 and then resumes.
func TestFetchOverHTTP(t *testing.T) {
	l := newLab(t)
	d := l.datasetSpec(sources())
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	if _, err := zw.Write(sources()[v1alpha1.FileRoleTrainImages]); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	body := zipped.Bytes()
	var calls, ranged atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body[:len(body)/2]) // and breaks off
		default:
			if r.Header.Get("Range") != "" {
				ranged.Add(1)
			}
			http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(body))
		}
	}))
	defer server.Close()
	d.Files[0].URL, d.Files[0].SHA256 = server.URL+"/train.gz", sha(body)
	r := l.runAll(l.planDataset(d, "web"), l.env())
	if r.Dataset.Train != 50 || r.Dataset.Validation != 10 || r.Dataset.Test != 20 || r.Dataset.Classes != 10 {
		t.Errorf("result %+v", r.Dataset)
	}
	if ranged.Load() != 1 || calls.Load() != 3 {
		t.Errorf("%d requests, %d of them for a range", calls.Load(), ranged.Load())
	}
	if again := l.runAll(l.planDataset(d, "web"), l.env()); calls.Load() != 3 || again.ManifestDigest != r.ManifestDigest {
		t.Errorf("a finished data set was fetched again")
	}
	if local := l.dataset(); local.ResultDigest != r.ResultDigest {
		t.Errorf("the same data by HTTP and from the store have digests %s and %s", r.ResultDigest, local.ResultDigest)
	}
}

// TestFetchFollowsRedirectsOnTheHost: a redirect that stays on the host is followed.
func TestFetchFollowsRedirectsOnTheHost(t *testing.T) {
	body := sources()[v1alpha1.FileRoleTrainImages]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/latest" {
			http.Redirect(w, r, "/v1/train", http.StatusFound)
			return
		}
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(body))
	}))
	defer server.Close()
	l := newLab(t)
	d := l.datasetSpec(sources())
	d.Files[0].URL = server.URL + "/latest"
	if r := l.runAll(l.planDataset(d, "web"), l.env()); r.Dataset.Train != 50 {
		t.Errorf("result %+v", r.Dataset)
	}
}

// TestFetchRefuses: hosts the admin does not allow, redirects to other hosts, files too large, 404.
func TestFetchRefuses(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked for %s", r.URL)
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/sideways": // the same machine by another name is another host
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, 60_000))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{"/away": "another host", "/sideways": "another host", "/circle": "redirects", "/large": "bytes", "/nothing": "404"} {
		l := newLab(t)
		d := l.datasetSpec(sources())
		d.Files[0].URL = server.URL + path
		env := l.env()
		env.MaxSourceBytes = 50_000
		_, err := l.run(l.planDataset(d, "tiny"), spec.StageFetch, 0, env)
		var input *InputError
		if !errors.As(err, &input) || input.Field != "spec.files[trainImages].url" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		env.HostAllowed = func(string) bool { return false }
		if _, err := l.run(l.planDataset(d, "tiny"), spec.StageFetch, 0, env); !errors.As(err, &input) || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s, host not allowed: %v", path, err)
		}
	}
}

// TestDamagedDatasetIsFetchedAgain: verify says that the earlier stage must run again, and
// fetching mends the artifact.
func TestDamagedDatasetIsFetchedAgain(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	s := l.planDataset(l.datasetSpec(sources()), "tiny")
	if err := l.store.Put(t.Context(), in.Path+"/test.safetensors", []byte("noise")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.run(s, spec.StageVerify, 0, l.env()); ExitCode(err) != spec.ExitIncomplete {
		t.Errorf("verify: %v", err)
	}
	if r := l.runAll(s, l.env()); r.ResultDigest != in.ResultDigest || r.ManifestDigest != in.ManifestDigest {
		t.Errorf("mended to %+v", r)
	}
}
