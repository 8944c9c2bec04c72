package staged

import (
	"context"
	"fmt"
	"sort"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// IndexOwnerUID is the cache index of children by the UID of the object they belong to.
const IndexOwnerUID = "weightspace.dev/owner-uid"

// Observed is everything one pass reads. It holds copies: changing it changes no cache.
type Observed struct {
	Object client.Object
	Parts  Parts
	// Namespace facts.
	NamespaceLabels      map[string]string
	NamespaceTerminating bool

	Stores   []v1alpha1.ArtifactStore
	Upstream Upstream
	// Consumers is read only while the object is being deleted.
	Consumers []string

	// Plans are the plan ConfigMaps of the object; Snapshot is the plan that status names, nil
	// when there is none or it is damaged. LostPlan is the plan of a spec
	// whose status write failed: no plan is named, but one exists and its work may have begun.
	Plans    []string
	LostPlan string
	Snapshot *spec.Snapshot
	Jobs     []batchv1.Job
	Pods     []corev1.Pod
	Reports  []v1alpha1.RunReport
	// Access lists the service accounts that may already write RunReports here.
	Access map[string]bool
}

// observe reads the object's world from the cache.
func observe(ctx context.Context, c client.Reader, ad Adapter, obj client.Object) (*Observed, error) {
	o := &Observed{Object: obj, Parts: ad.Parts(obj), Access: map[string]bool{}}
	for _, read := range []func(context.Context, client.Reader, Adapter) error{
		o.readNamespace, o.readStores, o.readUpstream, o.readPlans, o.readChildren, o.readAccess,
	} {
		if err := read(ctx, c, ad); err != nil {
			return nil, fmt.Errorf("observe %s %s/%s: %w", ad.Kind(), obj.GetNamespace(), obj.GetName(), err)
		}
	}
	return o, nil
}

func (o *Observed) readNamespace(ctx context.Context, c client.Reader, _ Adapter) error {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := c.Get(ctx, client.ObjectKey{Name: o.Object.GetNamespace()}, ns)
	if apierrors.IsNotFound(err) {
		return nil // the cache has not seen it yet: no labels, so no selector admits it
	}
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	o.NamespaceLabels = ns.Labels
	o.NamespaceTerminating = ns.DeletionTimestamp != nil
	return nil
}

func (o *Observed) readStores(ctx context.Context, c client.Reader, _ Adapter) error {
	var list v1alpha1.ArtifactStoreList
	if err := c.List(ctx, &list); err != nil {
		return fmt.Errorf("list ArtifactStores: %w", err)
	}
	o.Stores = list.Items
	return nil
}

func (o *Observed) readUpstream(ctx context.Context, c client.Reader, ad Adapter) (err error) {
	if o.Object.GetDeletionTimestamp() != nil {
		o.Consumers, err = ad.Consumers(ctx, c, o.Object)
		return err
	}
	o.Upstream, err = ad.Upstream(ctx, c, o.Object)
	return err
}

func (o *Observed) readPlans(ctx context.Context, c client.Reader, ad Adapter) error {
	var list corev1.ConfigMapList
	if err := c.List(ctx, &list, o.children()...); err != nil {
		return fmt.Errorf("list plan ConfigMaps: %w", err)
	}
	for i := range list.Items {
		cm := &list.Items[i]
		if !metav1.IsControlledBy(cm, o.Object) || cm.DeletionTimestamp != nil {
			continue
		}
		o.Plans = append(o.Plans, cm.Name)
		if cm.Name == o.Parts.Status.PlanConfigMap {
			o.Snapshot = readSnapshot(cm)
		} else if o.Parts.Status.PlanConfigMap == "" {
			o.findLost(ad, cm)
		}
	}
	sort.Strings(o.Plans)
	return nil
}

// findLost takes a plan that status does not name: that of the spec, and for an object that goes
// any, because all write the same artifact.
func (o *Observed) findLost(ad Adapter, cm *corev1.ConfigMap) {
	s := readSnapshot(cm)
	switch {
	case s == nil:
	case o.Object.GetDeletionTimestamp() != nil:
		o.Snapshot, o.LostPlan = s, cm.Name
	case s.SpecDigest == ad.SpecDigest(o.Object):
		o.LostPlan = cm.Name
	}
}

// readSnapshot returns nil for a ConfigMap that somebody else wrote over: its name carries
// the digest of its content.
func readSnapshot(cm *corev1.ConfigMap) *spec.Snapshot {
	s, err := plan.Unmarshal([]byte(cm.Data[PlanKey]))
	if err != nil || cm.Labels[v1alpha1.LabelPlan] != planLabel(s) {
		return nil
	}
	return s
}

func (o *Observed) readChildren(ctx context.Context, c client.Reader, _ Adapter) error {
	var jobs batchv1.JobList
	if err := c.List(ctx, &jobs, o.children()...); err != nil {
		return fmt.Errorf("list Jobs: %w", err)
	}
	for _, j := range jobs.Items {
		if metav1.IsControlledBy(&j, o.Object) || j.Labels[v1alpha1.LabelStage] == spec.StageCleanup {
			o.Jobs = append(o.Jobs, j)
		}
	}
	var pods corev1.PodList
	if err := c.List(ctx, &pods, o.children()...); err != nil {
		return fmt.Errorf("list Pods: %w", err)
	}
	o.Pods = pods.Items
	sort.Slice(o.Pods, func(i, j int) bool { return o.Pods[i].Name < o.Pods[j].Name })
	var reports v1alpha1.RunReportList
	if err := c.List(ctx, &reports, o.children()...); err != nil {
		return fmt.Errorf("list RunReports: %w", err)
	}
	o.Reports = reports.Items
	sort.Slice(o.Reports, func(i, j int) bool { return o.Reports[i].Name < o.Reports[j].Name })
	return nil
}

func (o *Observed) readAccess(ctx context.Context, c client.Reader, _ Adapter) error {
	var accounts corev1.ServiceAccountList
	if err := c.List(ctx, &accounts, client.InNamespace(o.Object.GetNamespace()), managed); err != nil {
		return fmt.Errorf("list ServiceAccounts: %w", err)
	}
	own := false
	for i := range accounts.Items {
		own = own || accounts.Items[i].Name == RuntimeAccount
	}
	var bindings rbacv1.RoleBindingList
	if err := c.List(ctx, &bindings, client.InNamespace(o.Object.GetNamespace()), managed); err != nil {
		return fmt.Errorf("list RoleBindings: %w", err)
	}
	for i := range bindings.Items {
		if account, ok := boundAccount(&bindings.Items[i]); ok && (account != RuntimeAccount || own) {
			o.Access[account] = true
		}
	}
	return nil
}

func (o *Observed) children() []client.ListOption {
	return []client.ListOption{client.InNamespace(o.Object.GetNamespace()), client.MatchingFields{IndexOwnerUID: string(o.Object.GetUID())}}
}

// job finds the Job of a stage's attempt.
func (o *Observed) job(stage, planName string, attempt int32) *batchv1.Job {
	for i := range o.Jobs {
		j := &o.Jobs[i]
		if j.Labels[v1alpha1.LabelStage] == stage && j.Labels[v1alpha1.LabelPlan] == planName && jobAttempt(j) == attempt {
			return j
		}
	}
	return nil
}

func jobAttempt(j *batchv1.Job) int32 {
	n, err := strconv.ParseInt(j.Labels[v1alpha1.LabelAttempt], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// podsOf are the pods of a Job, by UID so that a namesake's pods do not count.
func (o *Observed) podsOf(j *batchv1.Job) []corev1.Pod {
	var out []corev1.Pod
	for _, p := range o.Pods {
		if metav1.IsControlledBy(&p, j) {
			out = append(out, p)
		}
	}
	return out
}

// livePods counts pods that may still write to the store.
func (o *Observed) livePods(match func(*corev1.Pod) bool) int {
	n := 0
	for i := range o.Pods {
		if !podEnded(&o.Pods[i]) && match(&o.Pods[i]) {
			n++
		}
	}
	return n
}

func podEnded(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func jobCondition(j *batchv1.Job, t batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range j.Status.Conditions {
		if c := &j.Status.Conditions[i]; c.Type == t && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

func jobFinished(j *batchv1.Job) bool {
	return jobCondition(j, batchv1.JobComplete) != nil || jobCondition(j, batchv1.JobFailed) != nil
}
