package staged

import (
	"context"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// foldEvery bounds how often progress alone leads to a pass over an object.
const foldEvery = 2 * time.Second

// The manager's permissions. No Secret, no wildcard; the ClusterRole weightspace-runtime is
// the only one it may bind.
//
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=list;watch;create;patch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=list;watch;create;patch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=weightspace-runtime,verbs=bind
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=weightspace.dev,resources=runreports,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=weightspace.dev,resources=artifactstores,verbs=get;list;watch

// CacheOptions limits the manager's memory to what it uses: children are selected by label,
// pods are trimmed, managed fields dropped, and no Secret is ever read.
func CacheOptions() cache.Options {
	children := labels.NewSelector()
	if r, err := labels.NewRequirement(v1alpha1.LabelOwnerUID, selection.Exists, nil); err == nil {
		children = children.Add(*r)
	}
	ours := labels.SelectorFromSet(labels.Set{labelManagedBy: managedByValue})
	return cache.Options{
		DefaultTransform:            cache.TransformStripManagedFields(),
		ReaderFailOnMissingInformer: false,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:            {Label: children, Transform: trimPod},
			&batchv1.Job{}:           {Label: children, Transform: trimJob},
			&corev1.ConfigMap{}:      {Label: children},
			&corev1.ServiceAccount{}: {Label: ours},
			&rbacv1.RoleBinding{}:    {Label: ours},
		},
	}
}

// trimPod keeps what decisions need: labels, owners, phase, exit codes, termination messages.
func trimPod(in any) (any, error) {
	if p, ok := in.(*corev1.Pod); ok {
		p.ManagedFields, p.Spec = nil, corev1.PodSpec{}
		for i := range p.Status.ContainerStatuses {
			s := &p.Status.ContainerStatuses[i]
			*s = corev1.ContainerStatus{Name: s.Name, State: s.State}
		}
		p.Status = corev1.PodStatus{Phase: p.Status.Phase, Conditions: disruptions(p.Status.Conditions), ContainerStatuses: p.Status.ContainerStatuses}
	}
	return in, nil
}

func disruptions(in []corev1.PodCondition) []corev1.PodCondition {
	for _, c := range in {
		if c.Type == corev1.DisruptionTarget {
			return []corev1.PodCondition{c}
		}
	}
	return nil
}

// trimJob drops the template, which is never compared: it is frozen with the plan.
func trimJob(in any) (any, error) {
	if j, ok := in.(*batchv1.Job); ok {
		j.ManagedFields = nil
		j.Spec = batchv1.JobSpec{Parallelism: j.Spec.Parallelism, Completions: j.Spec.Completions, Suspend: j.Spec.Suspend}
	}
	return in, nil
}

// OwnerUID is the index function of IndexOwnerUID.
func OwnerUID(obj client.Object) []string {
	if uid := obj.GetLabels()[v1alpha1.LabelOwnerUID]; uid != "" {
		return []string{uid}
	}
	return nil
}

// ChildTypes are the types indexed by OwnerUID.
func ChildTypes() []client.Object {
	return []client.Object{&corev1.Pod{}, &batchv1.Job{}, &corev1.ConfigMap{}, &v1alpha1.RunReport{}}
}

// SetupIndexes registers the index of children; once for each manager.
func SetupIndexes(ctx context.Context, mgr ctrl.Manager) error {
	for _, t := range ChildTypes() {
		if err := mgr.GetFieldIndexer().IndexField(ctx, t, IndexOwnerUID, OwnerUID); err != nil {
			return wrap("index children", err)
		}
	}
	return nil
}

// allOf enqueues every object of a kind: an ArtifactStore changed, or a namespace's labels did.
// Stores change rarely, and a pass over an object at rest costs no call.
func allOf(c client.Reader, list func() client.ObjectList) handler.MapFunc {
	return func(ctx context.Context, changed client.Object) []reconcile.Request {
		l := list()
		var opts []client.ListOption
		if _, ok := changed.(*v1alpha1.ArtifactStore); !ok {
			opts = append(opts, client.InNamespace(changed.GetName()))
		}
		if err := c.List(ctx, l, opts...); err != nil {
			log.FromContext(ctx).Error(err, "Cannot list objects to wake")
			return nil
		}
		var out []reconcile.Request
		_ = meta.EachListItem(l, func(o runtime.Object) error {
			if obj, ok := o.(client.Object); ok {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
			}
			return nil
		})
		return out
	}
}

// Builder starts the controller of a kind with the watches that every kind has. All events map
// to the object by the labels its children carry.
func Builder(mgr ctrl.Manager, kind string, obj client.Object, list func() client.ObjectList, concurrency int) *builder.Builder {
	toOwner := func(_ context.Context, child client.Object) []reconcile.Request {
		l := child.GetLabels()
		if l[v1alpha1.LabelKind] != kind {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: child.GetNamespace(), Name: l[v1alpha1.LabelName]}}}
	}
	steering := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	onlyUpdates := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).Named(strings.ToLower(kind)).
		For(obj, builder.WithPredicates(steering)).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(toOwner)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(toOwner), builder.WithPredicates(podChanged())).
		Watches(&v1alpha1.RunReport{}, delayed(toOwner), builder.WithPredicates(onlyUpdates)).
		Watches(&v1alpha1.ArtifactStore{}, handler.EnqueueRequestsFromMapFunc(allOf(mgr.GetClient(), list)), builder.WithPredicates(steering)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(allOf(mgr.GetClient(), list)), builder.WithPredicates(onlyUpdates, namespaceChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency})
}

// namespaceChanged lets pass new labels, which stores select by, and the beginning of deletion.
func namespaceChanged() predicate.Predicate {
	return predicate.Or(predicate.LabelChangedPredicate{}, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp() == nil && e.ObjectNew.GetDeletionTimestamp() != nil
	}})
}

// podChanged lets pass what can change a decision.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Pod)
		after, ok2 := e.ObjectNew.(*corev1.Pod)
		if !ok1 || !ok2 {
			return true
		}
		_, ended := podEnd(after)
		_, had := podEnd(before)
		return before.Status.Phase != after.Status.Phase || ended != had || (before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil)
	}}
}

// delayed gathers reports: the queue keeps one entry for each object, so many pods that write
// within foldEvery cost one pass and at most one status write.
func delayed(toOwner handler.MapFunc) handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		for _, req := range toOwner(ctx, e.ObjectNew) {
			q.AddAfter(req, foldEvery)
		}
	}}
}
