//go:build integration

package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	_ "github.com/weightspace/weightspace/runtime/artifact/clouds"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// startS3 runs a real S3 server (versitygw) over a folder of buckets, with credentials in the environment, and returns its address.
func startS3(t *testing.T, folder string) string {
	t.Helper()
	binary := os.Getenv("WEIGHTSPACE_VERSITYGW")
	if binary == "" {
		t.Fatal("WEIGHTSPACE_VERSITYGW is not set; run the tests with `make test-integration`")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	server := exec.Command(binary, "--access", "test-access", "--secret", "test-secret-key", "--port", address, "posix", folder)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	t.Setenv("AWS_ACCESS_KEY_ID", "test-access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test-secret-key")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the S3 server does not listen: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestFetchFromS3: a data set whose files lie in a bucket of the store's server, fetched in ranges with the store's endpoint and
// credentials; what is wrong there says which file.
func TestFetchFromS3(t *testing.T) {
	folder := t.TempDir()
	for _, bucket := range []string{"artifacts", "public"} {
		if err := os.MkdirAll(filepath.Join(folder, bucket, "digits"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	address := startS3(t, folder)
	storeURL := "s3://artifacts/weightspace?endpoint=http://" + address + "&region=us-east-1&use_path_style=true"
	bucketURL := strings.Replace(storeURL, "artifacts/weightspace", "public", 1)
	public, err := artifact.Open(t.Context(), bucketURL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer public.Close()
	store, err := artifact.Open(t.Context(), storeURL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l := newLab(t)
	local := l.dataset()
	l.store = store
	d := l.datasetSpec(sources())
	for i, f := range d.Files {
		if f.Role == v1alpha1.FileRoleTestLabels {
			continue // one file comes from the store's uploads
		}
		if err := public.Put(t.Context(), "digits/"+string(f.Role), sources()[f.Role]); err != nil {
			t.Fatal(err)
		}
		d.Files[i].URL = "s3://public/digits/" + string(f.Role)
	}
	var opened atomic.Int32
	env := l.env()
	env.tune = quickly
	env.OpenBucket = func(ctx context.Context, url string) (*artifact.Store, error) {
		opened.Add(1)
		if url != bucketURL {
			return nil, fmt.Errorf("asked for bucket %s", url)
		}
		return artifact.Open(ctx, url, "")
	}
	s := l.planDataset(d, "cloud")
	r := l.runAll(s, env)
	if r.ResultDigest != local.ResultDigest || opened.Load() != 1 {
		t.Errorf("result %s, from files %s; %d buckets opened", r.ResultDigest, local.ResultDigest, opened.Load())
	}
	if left := l.files("default/dataset/cloud/fetch/"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}

	t.Run("no such object", func(t *testing.T) {
		d := d.DeepCopy()
		d.Files[0].URL = "s3://public/digits/nowhere"
		_, err := l.run(l.planDataset(d, "absent"), spec.StageFetch, 0, env)
		var input *InputError
		if !errors.As(err, &input) || input.Field != "spec.files[trainImages].url" || !strings.Contains(err.Error(), "is not there") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a bucket that the credentials may not read", func(t *testing.T) {
		env := env
		env.OpenBucket = nil
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		_, err := l.run(l.planDataset(d, "denied"), spec.StageFetch, 0, env)
		if ExitCode(err) != spec.ExitStore || !errors.Is(err, artifact.ErrDenied) || !strings.Contains(err.Error(), "spec.files[") {
			t.Errorf("exit code %d: %v", ExitCode(err), err)
		}
	})
	t.Run("the query of a URL does not choose the server", func(t *testing.T) {
		d := d.DeepCopy()
		d.Files[0].URL += "?endpoint=http://127.0.0.1:1"
		_, err := plan.Dataset(d, plan.Inputs{Namespace: "default", Name: "x", StoreURL: storeURL})
		var field *plan.FieldError
		if !errors.As(err, &field) {
			t.Errorf("planned: %v", err)
		}
		if _, _, err := bucketSource(storeURL, d.Files[0].URL); err == nil {
			t.Error("accepted")
		}
	})
}
