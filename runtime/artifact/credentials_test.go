package artifact_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	_ "github.com/weightspace/weightspace/runtime/artifact/clouds"
)

// noAmbientCredentials hides every credential this machine may have.
func noAmbientCredentials(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
}

// TestNoCredentials: a process without credentials, or without a region, hears so at once, with
// the store's name and what to do, and nothing is tried again.
func TestNoCredentials(t *testing.T) {
	for name, tc := range map[string]struct {
		query, key string
		kind       error
		want       string
	}{
		"credentials": {"?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1", "", artifact.ErrDenied, "no credentials"},
		"region":      {"", "key", artifact.ErrSetup, "region"},
	} {
		t.Run(name, func(t *testing.T) {
			noAmbientCredentials(t)
			t.Setenv("AWS_ACCESS_KEY_ID", tc.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", tc.key)
			o := quick(artifact.Options{})
			o.Pause = func(context.Context, time.Duration) error {
				t.Error("it was tried again")
				return nil
			}
			s := openStore(t, "s3://bucket/zoos"+tc.query, o)
			_, err := s.Get(t.Context(), "ns/a")
			wantKind(t, err, tc.kind, "ns/a")
			for _, want := range []string{"s3://bucket/zoos", tc.want} {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
		})
	}
}

// TestCredentialsServerAway: once the store has answered, a credentials server that fails is waited for.
func TestCredentialsServerAway(t *testing.T) {
	noAmbientCredentials(t)
	var fails, refused atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/credentials":
			w.Header().Set("ETag", `"1"`)
			fmt.Fprint(w, "content")
		case fails.Add(-1) >= 0:
			refused.Add(1)
			http.Error(w, `{"code": "busy", "message": "not now"}`, http.StatusBadRequest)
		default:
			fmt.Fprintf(w, `{"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": %q}`,
				time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)) // asked again each time
		}
	}))
	defer server.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL+"/credentials")
	url := "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + server.URL
	waits := 0
	o := quick(artifact.Options{OnUnavailable: func(error) { waits++ }})
	s := openStore(t, url, o)
	for _, n := range []int32{0, 3} {
		fails.Store(n)
		if b, err := s.Get(t.Context(), "x"); err != nil || string(b) != "content" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if waits == 0 || refused.Load() == 0 {
		t.Errorf("%d waits, %d credentials refused", waits, refused.Load())
	}
	fails.Store(1)
	if _, err := openStore(t, url, o).Get(t.Context(), "x"); err == nil || waits > 3 {
		t.Errorf("a new store did not fail at once: %v, %d waits", err, waits)
	}
}
