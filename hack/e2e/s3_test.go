//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// s3Server is a real S3 server on the node's address, so that pods reach it, over a folder.
type s3Server struct {
	binary, folder, address string
	process                 *exec.Cmd
}

const (
	s3Access = "e2e-access"
	s3Secret = "e2e-secret-key"
	s3Bucket = "zoo"
)

func startS3(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{binary: os.Getenv("WEIGHTSPACE_VERSITYGW"), folder: t.TempDir()}
	if s.binary == "" {
		t.Fatal("WEIGHTSPACE_VERSITYGW is not set; run the tests with `make test-e2e`")
	}
	if err := os.Mkdir(filepath.Join(s.folder, s3Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(nodeAddress(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *s3Server) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.binary, "--access", s3Access, "--secret", s3Secret, "--port", s.address, "posix", s.folder)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the S3 server listens", func() string {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			return err.Error()
		}
		return errText(conn.Close())
	})
}

func (s *s3Server) stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func errText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func nodeAddress(t *testing.T) string {
	t.Helper()
	var nodes corev1.NodeList
	if err := shared.client.List(t.Context(), &nodes); err != nil || len(nodes.Items) == 0 {
		t.Fatalf("no node: %v", err)
	}
	for _, a := range nodes.Items[0].Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	t.Fatal("the node has no InternalIP")
	return ""
}

// outage is how long the store stays away after pods have noticed.
const outage = time.Minute

// TestStoreUnreachable takes the S3 server away for a minute in the middle of a zoo.
func TestStoreUnreachable(t *testing.T) {
	server := startS3(t)
	p := newPlace(t, "s3")
	url := fmt.Sprintf("s3://%s/data?endpoint=http://%s&region=us-east-1&use_path_style=true", s3Bucket, server.address)
	p.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "s3"}, StringData: map[string]string{
		"AWS_ACCESS_KEY_ID": s3Access, "AWS_SECRET_ACCESS_KEY": s3Secret, "AWS_REGION": "us-east-1",
	}})
	name := p.ns + "-s3"
	store := &v1alpha1.ArtifactStore{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ArtifactStoreSpec{
		URL: url, Credentials: &v1alpha1.StoreCredentials{SecretName: "s3"}, AllowedNamespaces: []string{p.ns},
	}}
	p.create(t, store)
	t.Cleanup(func() { _ = shared.client.Delete(context.Background(), store) })

	// The data set is imported through S3 as a user would.
	t.Setenv("AWS_ACCESS_KEY_ID", s3Access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3Secret)
	t.Setenv("AWS_REGION", "us-east-1")
	shared.run(t, shared.cli, "dataset", "import", "--store", url, "--namespace", p.ns, "--name", "mnist", "--from-dir", shared.mnist)
	d := p.dataset(t, 4000, func(d *v1alpha1.Dataset) { d.Spec.Store.Name = v1alpha1.ObjectName(name) })
	z := p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.Store.Name = v1alpha1.ObjectName(name) })
	trained := filepath.Join(server.folder, s3Bucket, "data", p.ns, "modelzoo", "zoo", "shards", "*", "epoch-0002.safetensors")
	eventually(t, zooDeadline, "the zoo trains on S3", func() string {
		if files, err := filepath.Glob(trained); err != nil || len(files) == 0 {
			return readyText(p.getZoo(t, "zoo").Status.Conditions)
		}
		return ""
	})

	server.stop()
	eventually(t, podDeadline, "the condition says that the store is away", func() string {
		z := p.getZoo(t, "zoo")
		if !meta.IsStatusConditionFalse(z.Status.Conditions, v1alpha1.ConditionStoreReachable) {
			return readyText(z.Status.Conditions)
		}
		return ""
	})
	consistently(t, outage, "an outage fails nothing", func() string {
		z := p.getZoo(t, "zoo")
		if meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionFailed) {
			return readyText(z.Status.Conditions)
		}
		return ""
	})
	server.start(t)
	z2 := p.complete(t, "zoo")
	if got, want := string(z2.Status.Artifact.ResultDigest), reference(t, d, z); got != want {
		t.Errorf("resultDigest after the outage: got %s, want %s", got, want)
	}
	for _, s := range z2.Status.Stages {
		if s.Failed != nil && *s.Failed != 0 {
			t.Errorf("stage %s: %s shards failed, want none lost to an outage", s.Name, strconv.Itoa(int(*s.Failed)))
		}
	}
}
