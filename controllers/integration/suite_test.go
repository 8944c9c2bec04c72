//go:build integration

// Package integration runs the controllers against a real API server, with the real Job
// controller and garbage collector beside it; the tests play the kubelet.
package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/manager"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
)

const (
	deadline  = 60 * time.Second
	pollEvery = 25 * time.Millisecond
	image     = "example.com/weightspace/runtime:test"
)

var (
	env        *envtest.Environment
	config     *rest.Config
	scheme     = runtime.NewScheme()
	k8s        client.Client
	kubeconfig string
	binaries   string
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	code, err := runSuite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

func runSuite(m *testing.M) (code int, err error) {
	binaries = os.Getenv("WEIGHTSPACE_KUBERNETES_BIN")
	if binaries == "" {
		binaries = filepath.Join(os.Getenv("HOME"), ".cache/weightspace/kubernetes/v1.37.2/bin")
	}
	env = &envtest.Environment{
		BinaryAssetsDirectory: binaries,
		CRDDirectoryPaths:     []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing: true,
	}
	if config, err = env.Start(); err != nil {
		return 1, fmt.Errorf("start the control plane from %s (build it with hack/cluster): %w", binaries, err)
	}
	defer func() { _ = env.Stop() }()
	config.QPS, config.Burst = 500, 1000
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return 1, err
		}
	}
	if k8s, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return 1, err
	}
	stop, err := startControllerManager()
	if err != nil {
		return 1, err
	}
	defer stop()
	if err := k8s.Create(context.Background(), wt.MakeStore("default").Default().Obj()); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// startControllerManager runs the Job controller, the garbage collector and the namespace
// controller of the same Kubernetes.
func startControllerManager() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "weightspace-integration")
	if err != nil {
		return nil, err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "kcm.log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(binaries, "kube-controller-manager"), "--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--controllers=job-controller,garbage-collector-controller,namespace-controller", "--kube-api-qps=500", "--kube-api-burst=1000")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start kube-controller-manager: %w", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}, nil
}

// place is a namespace with a manager of its own.
type place struct {
	t    *testing.T
	ns   string
	stop func()
}

func newPlace(t *testing.T) *place {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "it-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, ns: ns.Name}
	p.startManager(staged.Policy{RuntimeImage: image, AllowedHosts: []string{"data.example.com"}})
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *place) startManager(policy staged.Policy) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m, err := manager.New(ctx, config, manager.Options{
		Scheme: scheme, Policy: policy, Namespaces: []string{p.ns}, MetricsAddress: "0", ProbeAddress: "0", InsecureMetrics: true, AllowNameReuse: true, Concurrency: 2,
	})
	if err != nil {
		cancel()
		p.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("manager: %v", err)
		}
	}
}

// eventually polls until check returns "".
func eventually(t *testing.T, what string, check func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		reason := check()
		if reason == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %s", what, reason)
		case <-tick.C:
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
