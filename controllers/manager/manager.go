// Package manager wires the controllers into one process.
package manager

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/weightspace/weightspace/controllers/artifactstore"
	"github.com/weightspace/weightspace/controllers/dataset"
	"github.com/weightspace/weightspace/controllers/metrics"
	"github.com/weightspace/weightspace/controllers/modelzoo"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/controllers/zooanalysis"
)

// Options are the manager's settings.
type Options struct {
	Scheme *runtime.Scheme
	Policy staged.Policy
	// Namespaces to watch; empty watches all.
	Namespaces              []string
	LeaderElect             bool
	LeaderElectionNamespace string
	// MetricsAddress and ProbeAddress are host:port; "0" turns one off.
	MetricsAddress string
	ProbeAddress   string
	// InsecureMetrics serves metrics without TLS and authentication, for tests.
	InsecureMetrics bool
	TLS             []func(*tls.Config)
	// Concurrency is the number of objects of a kind reconciled at the same time.
	Concurrency int
	// Clock replaces the wall clock in tests.
	Clock clock.PassiveClock
	// AllowNameReuse lets several managers live in one process, for tests.
	AllowNameReuse bool
}

// shutdownTimeout lets running passes end; a pass is a handful of calls.
const shutdownTimeout = 8 * time.Second

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// New builds a manager with every controller.
func New(ctx context.Context, cfg *rest.Config, o Options) (ctrl.Manager, error) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = 300, 500
	if o.Policy.AllowedHosts == nil {
		o.Policy.AllowedHosts = []string{}
	}
	mgr, err := ctrl.NewManager(cfg, managerOptions(o))
	if err != nil {
		return nil, fmt.Errorf("create manager: %w", err)
	}
	if err := staged.SetupIndexes(ctx, mgr); err != nil {
		return nil, err
	}
	if err := modelzoo.SetupIndexes(ctx, mgr); err != nil {
		return nil, fmt.Errorf("index ModelZoos: %w", err)
	}
	if err := zooanalysis.SetupIndexes(ctx, mgr); err != nil {
		return nil, fmt.Errorf("index ZooAnalyses: %w", err)
	}
	reconciler := func() *staged.Reconciler {
		return &staged.Reconciler{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Policy: &o.Policy, Clock: o.Clock,
			Recorder: mgr.GetEventRecorder("weightspace-manager"),
		}
	}
	if err := modelzoo.Setup(mgr, reconciler(), o.Concurrency); err != nil {
		return nil, fmt.Errorf("start ModelZoo controller: %w", err)
	}
	if err := dataset.Setup(mgr, reconciler(), o.Concurrency); err != nil {
		return nil, fmt.Errorf("start Dataset controller: %w", err)
	}
	if err := zooanalysis.Setup(mgr, reconciler(), o.Concurrency); err != nil {
		return nil, fmt.Errorf("start ZooAnalysis controller: %w", err)
	}
	if err := artifactstore.Setup(mgr, &artifactstore.Reconciler{Client: mgr.GetClient(), Clock: o.Clock}); err != nil {
		return nil, fmt.Errorf("start ArtifactStore controller: %w", err)
	}
	if !o.AllowNameReuse {
		metrics.RegisterObjects(mgr.GetCache())
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("readiness check: %w", err)
	}
	return mgr, nil
}

func managerOptions(o Options) ctrl.Options {
	caches := staged.CacheOptions()
	if len(o.Namespaces) > 0 {
		caches.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range o.Namespaces {
			caches.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	ms := metricsserver.Options{BindAddress: o.MetricsAddress, TLSOpts: o.TLS}
	if !o.InsecureMetrics {
		ms.SecureServing = true
		ms.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return ctrl.Options{
		Scheme: o.Scheme, Cache: caches, Metrics: ms,
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              "manager.weightspace.dev",
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       ptr.To(shutdownTimeout),
		Controller:                    config.Controller{SkipNameValidation: ptr.To(o.AllowNameReuse)},
	}
}
