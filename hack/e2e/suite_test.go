//go:build e2e

// Package e2e runs Weightspace on a real cluster: a real API server, controller manager,
// scheduler and kubelet with real containers (hack/cluster), the operator's own images, and
// data sets made from real MNIST. Run it with `make test-e2e`.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// Deadlines, named so that a slow machine is mended in one place.
const (
	podDeadline    = 2 * time.Minute
	zooDeadline    = 5 * time.Minute
	deleteDeadline = 2 * time.Minute
	pollEvery      = 250 * time.Millisecond
)

// cluster is what every test shares.
type cluster struct {
	client     client.Client
	config     *rest.Config
	kubeconfig string
	root       string // the repository
	cli        string // the weightspace binary
	mnist      string // folder with the four MNIST files
	storeRoot  string // folder on the node that backs PersistentVolumes
}

var shared *cluster

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	c, err := connect()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	shared = c
	os.Exit(m.Run())
}

// connect finds the cluster that hack/e2e/environment.sh prepared.
func connect() (*cluster, error) {
	c := &cluster{
		kubeconfig: os.Getenv("KUBECONFIG"),
		cli:        os.Getenv("WEIGHTSPACE_CLI"),
		mnist:      os.Getenv("WEIGHTSPACE_MNIST"),
		storeRoot:  os.Getenv("WEIGHTSPACE_STORE_ROOT"),
	}
	for name, value := range map[string]string{
		"KUBECONFIG": c.kubeconfig, "WEIGHTSPACE_CLI": c.cli, "WEIGHTSPACE_MNIST": c.mnist, "WEIGHTSPACE_STORE_ROOT": c.storeRoot,
	} {
		if value == "" {
			return nil, fmt.Errorf("%s is not set; run the tests with `make test-e2e`", name)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	c.root = root
	c.config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return nil, err
	}
	c.config.QPS, c.config.Burst = 200, 200
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c.client, err = client.New(c.config, client.Options{Scheme: scheme})
	return c, err
}

// run executes a command in the repository and returns its output; it fails the test on a
// non-zero exit.
func (c *cluster) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.try(t.Context(), name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (c *cluster) try(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, "kubectl", args...)
}

// eventually polls until check returns "" and fails with the last reason otherwise.
func eventually(t *testing.T, deadline time.Duration, what string, check func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	reason := check()
	for reason != "" {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %s", what, deadline, reason)
		case <-tick.C:
			reason = check()
		}
	}
}

// consistently polls for a while and fails as soon as check returns a reason.
func consistently(t *testing.T, length time.Duration, what string, check func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if reason := check(); reason != "" {
			t.Fatalf("%s: %s", what, reason)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// describe prints what a person would look at first when a test failed.
func (c *cluster) describe(t *testing.T, ns string) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"get", "modelzoos,datasets,runreports,jobs,pods", "-n", ns, "-o", "wide"},
		{"get", "modelzoos,datasets", "-n", ns, "-o", "yaml"},
		{"get", "events", "-n", ns, "--sort-by=.lastTimestamp"},
		{"logs", "-n", ns, "-l", v1alpha1.LabelKind, "--tail=30", "--prefix"},
		{"logs", "-n", "weightspace-system", "deploy/weightspace-manager", "--tail=60"},
	} {
		out, _ := c.try(ctx, "kubectl", args...)
		t.Logf("kubectl %s\n%s", strings.Join(args, " "), tail(out, 12_000))
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

func podsOf(t *testing.T, c *cluster, ns, owner, stage string) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	err := c.client.List(t.Context(), &list, client.InNamespace(ns), client.MatchingLabels{v1alpha1.LabelName: owner, v1alpha1.LabelStage: stage})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}
