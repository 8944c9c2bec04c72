//go:build integration

package artifact_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	_ "github.com/weightspace/weightspace/runtime/artifact/clouds"
)

// s3Server is a real S3 server (versitygw) on loopback, over a temporary folder.
type s3Server struct {
	binary, folder, address string
	process                 *exec.Cmd
}

const (
	s3Access = "test-access"
	s3Secret = "test-secret-key"
)

func startS3(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{binary: os.Getenv("WEIGHTSPACE_VERSITYGW"), folder: t.TempDir()}
	if s.binary == "" {
		t.Fatal("WEIGHTSPACE_VERSITYGW is not set; run the tests with `make test-integration`")
	}
	must(t, os.Mkdir(filepath.Join(s.folder, "bucket"), 0o755))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.address = l.Addr().String()
	must(t, l.Close())
	s.start(t)
	t.Cleanup(s.stop)
	t.Setenv("AWS_ACCESS_KEY_ID", s3Access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3Secret)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return s
}

func (s *s3Server) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.binary, "--access", s3Access, "--secret", s3Secret, "--port", s.address, "posix", s.folder)
	must(t, s.process.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.address)
		if err == nil {
			must(t, conn.Close())
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the S3 server does not listen: %v", err)
		case <-tick.C:
		}
	}
}

func (s *s3Server) stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *s3Server) url(bucket string) string {
	return "s3://" + bucket + "?endpoint=http://" + s.address + "&region=us-east-1&use_path_style=true"
}

func TestS3(t *testing.T) {
	server := startS3(t)
	t.Run("behaves as every store", func(t *testing.T) { storeSuite(t, openStore(t, server.url("bucket"), artifact.Options{})) })
	t.Run("with a prefix", func(t *testing.T) {
		s := openStore(t, server.url("bucket/deep/prefix"), artifact.Options{})
		storeSuite(t, s)
		must(t, s.Put(t.Context(), "ns/x", []byte("1")))
		if _, err := os.Stat(filepath.Join(server.folder, "bucket/deep/prefix/ns/x")); err != nil {
			t.Error(err)
		}
	})
	t.Run("large object", func(t *testing.T) {
		s := openStore(t, server.url("bucket"), artifact.Options{})
		b := bytes.Repeat([]byte("population"), 2_500_000) // several parts
		must(t, s.PutIfNotExist(t.Context(), "big", b))
		must(t, s.PutIfNotExist(t.Context(), "big", b))
		wantKind(t, s.PutIfNotExist(t.Context(), "big", b[1:]), artifact.ErrExists, "big")
		got, err := s.GetRange(t.Context(), "big", 20_000_005, 10)
		if err != nil || string(got) != "ationpopul" {
			t.Errorf("range: %q, %v", got, err)
		}
	})
	t.Run("bucket is missing", func(t *testing.T) {
		err := openStore(t, server.url("nowhere"), quick(artifact.Options{})).Put(t.Context(), "ns/a", []byte("1"))
		wantKind(t, err, artifact.ErrNotFound, "ns/a")
	})
	t.Run("wrong secret", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		s := openStore(t, server.url("bucket"), quick(artifact.Options{}))
		wantKind(t, s.Put(t.Context(), "ns/a", []byte("1")), artifact.ErrDenied, "ns/a")
		_, err := s.Get(t.Context(), "ns/a")
		wantKind(t, err, artifact.ErrDenied, "ns/a")
		_, err = s.List(t.Context(), "ns/")
		wantKind(t, err, artifact.ErrDenied, "ns/")
		_, err = s.Stat(t.Context(), "ns/a")
		wantKind(t, err, artifact.ErrDenied, "ns/a")
	})
	t.Run("wrong user", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
		s := openStore(t, server.url("bucket"), quick(artifact.Options{}))
		wantKind(t, s.Put(t.Context(), "ns/a", []byte("1")), artifact.ErrDenied, "ns/a")
	})
}

// The server is killed, a write begins, and the server comes back after the first failure.
func TestS3OutageDuringPut(t *testing.T) {
	server := startS3(t)
	var back sync.Once
	var failures, healed int
	s := openStore(t, server.url("bucket"), artifact.Options{
		FirstBackoff:  50 * time.Millisecond,
		OnUnavailable: func(error) { failures++; back.Do(func() { server.start(t) }) },
		OnAvailable:   func() { healed++ },
	})
	must(t, s.Put(t.Context(), "ns/before", []byte("1")))
	server.stop()
	must(t, s.PutIfNotExist(t.Context(), "ns/during", []byte("2")))
	if failures == 0 || healed == 0 {
		t.Errorf("%d failures, healed %d times: the outage was not seen", failures, healed)
	}
	for path, want := range map[string]string{"ns/before": "1", "ns/during": "2"} {
		if got, err := s.Get(t.Context(), path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	server.stop()
	away := openStore(t, server.url("bucket"), quick(artifact.Options{Budget: 2 * time.Second}))
	wantKind(t, away.Put(t.Context(), "ns/after", []byte("3")), artifact.ErrUnavailable, "ns/after")
}

// A server that accepts connections and never answers must not hang a pod.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("AWS_ACCESS_KEY_ID", s3Access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3Secret)
	server := &s3Server{address: l.Addr().String()}
	s := openStore(t, server.url("bucket"), quick(artifact.Options{Budget: time.Second, AttemptTimeout: 200 * time.Millisecond}))
	_, err = s.Get(t.Context(), "ns/a")
	wantKind(t, err, artifact.ErrUnavailable, "ns/a")
}
