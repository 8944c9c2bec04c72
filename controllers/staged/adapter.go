// Package staged is the one reconciler behind every staged kind: it observes an object and its
// children, decides purely what to do, applies that, and reports purely. A kind adds an Adapter.
package staged

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Adapter is what a kind adds to the staged reconciler. Methods without a context are pure.
type Adapter interface {
	// Kind is the kind's name, such as ModelZoo.
	Kind() string
	// New returns an empty object.
	New() client.Object
	// Parts points into an object of the kind.
	Parts(o client.Object) Parts
	// SpecDigest digests the scientific fields.
	SpecDigest(o client.Object) string
	// Check holds the spec against what the admin allows; nil is fine.
	Check(o client.Object, p *Policy) *Problem
	// Upstream reads what the object consumes.
	Upstream(ctx context.Context, c client.Reader, o client.Object) (Upstream, error)
	// Consumers names live objects that use the object's artifact.
	Consumers(ctx context.Context, c client.Reader, o client.Object) ([]string, error)
	// Plan plans the spec; a *plan.FieldError is the user's mistake.
	Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error)
	// Stale says what upstream changed since the plan was made, or "".
	Stale(s *spec.Snapshot, up Upstream) string
	// Progress writes the kind's own status fields from what is known.
	Progress(o client.Object, p Progress)
	// Forget clears the kind's own status fields when the scientific spec moved.
	Forget(o client.Object)
}

// Parts are the fields every staged kind shares, as pointers into an object.
type Parts struct {
	Execution *v1alpha1.Execution
	Status    *v1alpha1.WorkloadStatus
	// Store is the name in spec.store, "" for none.
	Store v1alpha1.ObjectName
}

// Problem is why a plan cannot be made now.
type Problem struct {
	// Reason is a reason of package v1alpha1; Message says what to do.
	Reason, Message string
	// Stalled tells a mistake from something to wait for.
	Stalled bool
}

// Upstream is what an object consumes.
type Upstream struct {
	// Problem is set while it cannot be used.
	Problem *Problem
	// Dataset is the data set's artifact.
	Dataset *spec.DatasetInput
	// Zoo is the model zoo's artifact.
	Zoo *spec.ZooInput
	// ZooPlan is the plan of Zoo, where its members matter.
	ZooPlan *spec.Zoo
}

// Progress is what is known of a running or finished workload.
type Progress struct {
	// Snapshot is the plan; Stage is the index of the current stage in it.
	Snapshot *spec.Snapshot
	Stage    int
	// Completed and Failed are shard numbers of the current stage.
	Completed, Failed Indexes
	// Reports are those of running pods of the current stage.
	Reports []v1alpha1.RunReport
	// Result is set once the workload is complete.
	Result *spec.Result
}

// Policy is what the admin allows, from the manager's flags.
type Policy struct {
	// RuntimeImage is used when an object names none.
	RuntimeImage string
	// AllowedImages are patterns in which * stands for any text. RuntimeImage is always allowed.
	AllowedImages []string
	// AllowedHosts are host, host:port, or the URL of a bucket (s3://bucket, gs://bucket, azblob://container) or of a folder in
	// it, from which data may come.
	AllowedHosts []string
}

// ImageAllowed says whether pods may run an image.
func (p *Policy) ImageAllowed(image string) bool {
	if image == p.RuntimeImage {
		return true
	}
	for _, pattern := range p.AllowedImages {
		if globMatch(pattern, image) {
			return true
		}
	}
	return false
}

// HostAllowed says whether data may be fetched from a URL. An entry without a port admits the
// scheme's own port only; buckets are admitted by entries of their own.
func (p *Policy) HostAllowed(u *url.URL) bool {
	scheme, web := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	port := u.Port()
	if port == "" {
		port = scheme
	}
	for _, allowed := range p.AllowedHosts {
		if strings.Contains(allowed, "://") {
			if !web && inBucket(allowed, u) {
				return true
			}
			continue
		}
		host, want, ok := strings.Cut(allowed, ":")
		if !ok {
			want = scheme
		}
		if web && strings.EqualFold(host, u.Hostname()) && port == want {
			return true
		}
	}
	return false
}

// inBucket says whether an object lies in the bucket, or the folder of a bucket, of an entry.
func inBucket(allowed string, u *url.URL) bool {
	a, err := url.Parse(allowed)
	if err != nil || a.Scheme != u.Scheme || a.Host != u.Host || a.Host == "" {
		return false
	}
	folder := strings.Trim(a.Path, "/")
	return folder == "" || strings.HasPrefix(strings.TrimPrefix(u.Path, "/"), folder+"/")
}

// Check says which of the admin's entries is none.
func (p *Policy) Check() error {
	for _, e := range p.AllowedHosts {
		u, err := url.Parse(e)
		switch {
		case !strings.Contains(e, "://"):
			if u, err = url.Parse("https://" + e); err == nil && u.Host == e && u.Hostname() != "" {
				continue
			}
		case err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && (u.Scheme == "s3" || u.Scheme == "gs" || u.Scheme == "azblob"):
			continue
		}
		return fmt.Errorf("--allowed-data-hosts: %q is no host, host:port, s3://bucket, gs://bucket or azblob://container", e)
	}
	return nil
}

// globMatch matches text against a pattern in which * stands for any text, in linear space
// and without backtracking blow-up.
func globMatch(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, last)
}
