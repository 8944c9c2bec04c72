package staged

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// JoinURI appends a path to a store's URL, before its query.
func JoinURI(store, path string) string {
	base, query, ok := strings.Cut(store, "?")
	uri := strings.TrimRight(base, "/") + "/" + path
	if ok {
		uri += "?" + query
	}
	return uri
}

// SplitURI undoes JoinURI: it returns the store of an artifact at path, or false when the
// artifact is elsewhere.
func SplitURI(uri, path string) (store string, ok bool) {
	base, query, hasQuery := strings.Cut(uri, "?")
	base, ok = strings.CutSuffix(base, "/"+path)
	if hasQuery {
		base += "?" + query
	}
	return base, ok
}

// pickStore finds the store of a name; without a name the newest default store. A frozen URL
// of an earlier plan outlives a change of the default.
func pickStore(stores []v1alpha1.ArtifactStore, name v1alpha1.ObjectName, frozenURL string) *v1alpha1.ArtifactStore {
	if name != "" {
		for i := range stores {
			if stores[i].Name == string(name) {
				return &stores[i]
			}
		}
		return nil
	}
	var best *v1alpha1.ArtifactStore
	for i := range stores {
		s := &stores[i]
		if frozenURL != "" {
			if sameStore(s.Spec.URL, frozenURL) && (best == nil || s.Name < best.Name) {
				best = s
			}
			continue
		}
		if IsDefaultStore(s) && (best == nil || best.CreationTimestamp.Before(&s.CreationTimestamp) ||
			best.CreationTimestamp.Equal(&s.CreationTimestamp) && s.Name < best.Name) {
			best = s
		}
	}
	return best
}

// storeByURL finds a store by URL; of several the first by name.
func storeByURL(stores []v1alpha1.ArtifactStore, url string) *v1alpha1.ArtifactStore {
	return pickStore(stores, "", url)
}

func sameStore(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// IsDefaultStore says whether a store serves objects that name none.
func IsDefaultStore(s *v1alpha1.ArtifactStore) bool {
	return s.Annotations[v1alpha1.AnnotationDefaultStore] == "true"
}

// DefaultStore is the name of the store for objects that name none, "" when there is none.
func DefaultStore(stores []v1alpha1.ArtifactStore) string {
	if s := pickStore(stores, "", ""); s != nil {
		return s.Name
	}
	return ""
}

// storeAdmits says whether workloads of a namespace may use a store.
func storeAdmits(s *v1alpha1.ArtifactStore, namespace string, nsLabels map[string]string) (bool, error) {
	if slices.Contains(s.Spec.AllowedNamespaces, namespace) {
		return true, nil
	}
	if s.Spec.NamespaceSelector == nil {
		return false, nil
	}
	sel, err := metav1.LabelSelectorAsSelector(s.Spec.NamespaceSelector)
	if err != nil {
		return false, fmt.Errorf("ArtifactStore %s: spec.namespaceSelector: %w", s.Name, err)
	}
	return sel.Matches(labels.Set(nsLabels)), nil
}

// checkStore resolves the store of an object or says why it may not be used.
func checkStore(o *Observed, frozenURL string) (*v1alpha1.ArtifactStore, *Problem) {
	s := pickStore(o.Stores, o.Parts.Store, frozenURL)
	if s == nil {
		what := "no ArtifactStore is annotated " + v1alpha1.AnnotationDefaultStore + "; name one in spec.store.name or ask the admin for a default"
		if o.Parts.Store != "" {
			what = fmt.Sprintf("spec.store.name: ArtifactStore %q does not exist; `kubectl get artifactstores` lists those there are", o.Parts.Store)
		} else if frozenURL != "" {
			what = fmt.Sprintf("the ArtifactStore with URL %s, to which this object's artifact goes, is gone; ask the admin to create it again", frozenURL)
		}
		return nil, &Problem{Reason: v1alpha1.ReasonStoreNotFound, Message: what, Stalled: true}
	}
	ok, err := storeAdmits(s, o.Object.GetNamespace(), o.NamespaceLabels)
	if err != nil || !ok {
		msg := fmt.Sprintf("ArtifactStore %q does not admit namespace %q; use another store or ask the admin to add the namespace to its allowedNamespaces", s.Name, o.Object.GetNamespace())
		if err != nil {
			msg = err.Error()
		}
		return nil, &Problem{Reason: v1alpha1.ReasonStoreNotAllowed, Message: msg, Stalled: true}
	}
	return s, nil
}

// pvcClaim returns the claim of a pvc://claim/path URL.
func pvcClaim(url string) (claim string, ok bool) {
	rest, ok := strings.CutPrefix(url, "pvc://")
	if !ok {
		return "", false
	}
	claim, _, _ = strings.Cut(rest, "/")
	return claim, true
}
