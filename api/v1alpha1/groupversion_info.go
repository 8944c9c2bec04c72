// Package v1alpha1 holds the custom resources of Weightspace, API group
// weightspace.dev. It imports nothing else of this project, so clients may
// depend on it alone.
//
// +kubebuilder:object:generate=true
// +groupName=weightspace.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the API group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "weightspace.dev", Version: "v1alpha1"}

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds of this package with a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ArtifactStore{}, &ArtifactStoreList{},
		&Dataset{}, &DatasetList{},
		&ModelZoo{}, &ModelZooList{},
		&ZooAnalysis{}, &ZooAnalysisList{},
		&RunReport{}, &RunReportList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
