package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
)

// locator says which artifact a command is about: by its path in a store, by its URI, or by
// the object of a cluster that made it.
type locator struct {
	store, artifact            string
	kind, name, namespace      string
	kubeconfig, context, mount string
}

func (l *locator) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.store, "store", "", "folder or URL of the store")
	f.StringVar(&l.artifact, "artifact", "", "the artifact's folder in the store, such as default/modelzoo/mnist-small")
	f.StringVar(&l.name, "name", "", "name of an object in the cluster, whose status says where its artifact is")
	f.StringVarP(&l.namespace, "namespace", "n", "", "namespace of the object; default: that of the kubeconfig's context")
	f.StringVar(&l.kind, "kind", "modelzoo", "kind of the object: modelzoo, dataset or zooanalysis")
	f.StringVar(&l.kubeconfig, "kubeconfig", "", "kubeconfig file; default: KUBECONFIG, then ~/.kube/config")
	f.StringVar(&l.context, "context", "", "context of the kubeconfig")
	f.StringVar(&l.mount, "mount", "", "where the claim of a pvc:// store is mounted on this machine")
}

// open opens the store and returns it with the artifact's folder.
func (l *locator) open(ctx context.Context, args []string, stores *opener) (*artifact.Store, string, error) {
	uri := ""
	switch {
	case len(args) == 1:
		uri = args[0]
	case l.name != "":
		var err error
		if uri, err = l.fromCluster(ctx); err != nil {
			return nil, "", err
		}
	case l.store != "" && l.artifact != "":
		target, err := storeURL(l.store)
		if err != nil {
			return nil, "", err
		}
		store, err := stores.open(ctx, target)
		return store, strings.Trim(l.artifact, "/"), err
	default:
		return nil, "", &usageError{errors.New("give an artifact's URI, or --store with --artifact, or --name of an object in the cluster")}
	}
	target, dir, err := splitURI(uri)
	if err != nil {
		return nil, "", err
	}
	stores.mount = l.mount
	store, err := stores.open(ctx, target)
	return store, dir, err
}

// splitURI cuts an artifact's URI into the store and <namespace>/<kind>/<name>.
func splitURI(uri string) (store, dir string, err error) {
	u, err := url.Parse(uri)
	if err != nil || len(u.Scheme) < 2 {
		u = &url.URL{Path: uri}
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 3 {
		return "", "", inputError(uri, "it is not an artifact's URI", "give <store>/<namespace>/<kind>/<name>, such as s3://bucket/default/modelzoo/mnist-small")
	}
	dir = path.Join(parts[len(parts)-3:]...)
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/"+dir)
	if u.Scheme == "" {
		if u.Path == dir {
			u.Path = "."
		}
		store, err = storeURL(u.Path)
		return store, dir, err
	}
	return u.String(), dir, nil
}

// fromCluster reads status.artifact.uri of the object.
func (l *locator) fromCluster(ctx context.Context) (string, error) {
	resource, ok := map[string]string{
		"modelzoo": "modelzoos", "modelzoos": "modelzoos", "mz": "modelzoos", "dataset": "datasets", "datasets": "datasets",
		"zooanalysis": "zooanalyses", "zooanalyses": "zooanalyses", "za": "zooanalyses",
	}[strings.ToLower(l.kind)]
	if !ok {
		return "", inputError("--kind", fmt.Sprintf("%q is unknown", l.kind), "use modelzoo, dataset or zooanalysis")
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = l.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: l.context})
	config, err := loader.ClientConfig()
	if err != nil {
		return "", inputError("--kubeconfig", err.Error(), "give the kubeconfig of a cluster, or --store with --artifact")
	}
	namespace := l.namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return "", inputError("--kubeconfig", err.Error(), "give --namespace")
		}
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("connect to the cluster: %w", err)
	}
	object, err := client.Resource(schema.GroupVersionResource{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: resource}).
		Namespace(namespace).Get(ctx, l.name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read %s %s/%s: %w", l.kind, namespace, l.name, err)
	}
	uri, found, err := unstructured.NestedString(object.Object, "status", "artifact", "uri")
	if err != nil || !found {
		return "", inputError("--name "+l.name, fmt.Sprintf("the %s has no artifact yet", l.kind), "wait until it is Ready: kubectl wait --for=condition=Ready "+resource+"/"+l.name)
	}
	return uri, nil
}
