// Command manager runs the controllers of Weightspace.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/manager"
)

// gcPercent makes the collector run at half its usual growth: the manager's heap is a cache that
// mostly rests, so memory is worth more than the few milliseconds. GOGC overrides it.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// run parses flags and runs the manager until the context ends.
func run(ctx context.Context, args []string, logs io.Writer) error {
	var o manager.Options
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	fs.SetOutput(logs)
	images := fs.String("allowed-runtime-images", "", "comma-separated patterns of runtime images that objects may name, * stands for any text (default: the runtime image only)")
	hosts := fs.String("allowed-data-hosts", "", "comma-separated hosts (host or host:port) and buckets (s3://bucket, gs://bucket, azblob://container, perhaps with a folder) from which Datasets may be fetched (default: none)")
	namespaces := fs.String("watch-namespaces", "", "comma-separated namespaces to watch (default: all)")
	fs.StringVar(&o.Policy.RuntimeImage, "runtime-image", "", "image of the pods (required)")
	fs.BoolVar(&o.LeaderElect, "leader-elect", true, "run only while holding the leader lease")
	fs.StringVar(&o.LeaderElectionNamespace, "leader-election-namespace", "", "namespace of the leader lease (default: the manager's own)")
	fs.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8443", "address of the metrics endpoint (TLS, authenticated and authorised); 0 turns it off")
	fs.StringVar(&o.ProbeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	fs.IntVar(&o.Concurrency, "concurrency", 4, "objects of one kind reconciled at the same time")
	format := fs.String("log-format", "json", "json or text")
	level := fs.String("log-level", "info", "debug, info, warn or error")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.Policy.RuntimeImage == "" {
		return errors.New("--runtime-image is required: the image that pods run")
	}
	o.Policy.AllowedImages, o.Policy.AllowedHosts, o.Namespaces = list(*images), list(*hosts), list(*namespaces)
	if err := o.Policy.Check(); err != nil {
		return err
	}
	log, err := logger(logs, *format, *level)
	if err != nil {
		return err
	}
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	o.TLS = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }} // no HTTP/2: its resets can be abused
	o.Scheme = runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(o.Scheme); err != nil {
			return fmt.Errorf("register types: %w", err)
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	m, err := manager.New(ctx, config, o)
	if err != nil {
		return err
	}
	return m.Start(ctx)
}

func list(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func logger(w io.Writer, format, level string) (logr.Logger, error) {
	var at slog.Level
	if err := at.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: at}
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(w, options)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(w, options)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format: %q is neither json nor text", format)
}
