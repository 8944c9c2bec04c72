package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DatasetFormat is the format of the source files.
//
// +kubebuilder:validation:Enum=idx;cifar10;cifar100;svhn;usps;stl10;imageFolder;npz;parquet
type DatasetFormat string

const (
	// DatasetFormatIDX is the IDX format of MNIST and Fashion-MNIST, plain or gzip-compressed.
	DatasetFormatIDX DatasetFormat = "idx"
	// DatasetFormatCIFAR10 is the binary version of CIFAR-10: its .bin files or its tar.gz.
	DatasetFormatCIFAR10 DatasetFormat = "cifar10"
	// DatasetFormatCIFAR100 is the binary version of CIFAR-100.
	DatasetFormatCIFAR100 DatasetFormat = "cifar100"
	// DatasetFormatSVHN is SVHN's cropped digits, MATLAB files.
	DatasetFormatSVHN DatasetFormat = "svhn"
	// DatasetFormatUSPS is USPS in LIBSVM's text format, plain or bzip2-compressed.
	DatasetFormatUSPS DatasetFormat = "usps"
	// DatasetFormatSTL10 is the binary version of STL-10.
	DatasetFormatSTL10 DatasetFormat = "stl10"
	// DatasetFormatImageFolder is a folder of PNG or JPEG files per class, as zip, tar or tar.gz.
	DatasetFormatImageFolder DatasetFormat = "imageFolder"
	// DatasetFormatNPZ is one NumPy archive with the arrays of Keras or MedMNIST.
	DatasetFormatNPZ DatasetFormat = "npz"
	// DatasetFormatParquet is Parquet files with a column of images, as Hugging Face keeps them.
	DatasetFormatParquet DatasetFormat = "parquet"
)

// FileRole says what a source file holds.
//
// +kubebuilder:validation:Enum=trainImages;trainLabels;testImages;testLabels;train;test;validation;archive
type FileRole string

const (
	// FileRoleTrainImages is the file of training (and validation) images.
	FileRoleTrainImages FileRole = "trainImages"
	// FileRoleTrainLabels is the file of their labels.
	FileRoleTrainLabels FileRole = "trainLabels"
	// FileRoleTestImages is the file of test images.
	FileRoleTestImages FileRole = "testImages"
	// FileRoleTestLabels is the file of their labels.
	FileRoleTestLabels FileRole = "testLabels"
	// FileRoleTrain is a file of training (and validation) images with their labels.
	FileRoleTrain FileRole = "train"
	// FileRoleTest is a file of test images with their labels.
	FileRoleTest FileRole = "test"
	// FileRoleValidation is a file of validation images with their labels; without one, validation is cut from the training images.
	FileRoleValidation FileRole = "validation"
	// FileRoleArchive is the one file that holds everything.
	FileRoleArchive FileRole = "archive"
)

// DatasetSpec names input data, where to get it, and how it is split and normalised.
// All of it is immutable, but for the fields of execution.
//
// +kubebuilder:validation:XValidation:rule="self.format == oldSelf.format",message="spec.format is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="self.files == oldSelf.files",message="spec.files is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="self.splits == oldSelf.splits",message="spec.splits is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="has(self.limit) == has(oldSelf.limit) && (!has(self.limit) || self.limit == oldSelf.limit)",message="spec.limit is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="self.normalization == oldSelf.normalization",message="spec.normalization is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="has(self.store) == has(oldSelf.store) && (!has(self.store) || self.store == oldSelf.store)",message="spec.store is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="has(self.managedBy) == has(oldSelf.managedBy) && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",message="spec.managedBy is immutable"
// +kubebuilder:validation:XValidation:rule="!has(self.limit) || !has(self.limit.train) || self.limit.train <= self.splits.train",message="spec.limit.train is larger than spec.splits.train"
// +kubebuilder:validation:XValidation:rule="!has(self.limit) || !has(self.limit.validation) || self.limit.validation <= self.splits.validation",message="spec.limit.validation is larger than spec.splits.validation"
// +kubebuilder:validation:XValidation:rule="!has(self.limit) || !has(self.limit.test) || self.limit.test <= self.splits.test",message="spec.limit.test is larger than spec.splits.test"
// +kubebuilder:validation:XValidation:rule="has(self.transform) == has(oldSelf.transform) && (!has(self.transform) || self.transform == oldSelf.transform)",message="spec.transform is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="has(self.options) == has(oldSelf.options) && (!has(self.options) || self.options == oldSelf.options)",message="spec.options is immutable; create another Dataset"
// +kubebuilder:validation:XValidation:rule="self.format != 'idx' || (self.files.size() == 4 && ['trainImages', 'trainLabels', 'testImages', 'testLabels'].all(r, self.files.exists_one(f, f.role == r)))",message="format idx takes spec.files with the roles trainImages, trainLabels, testImages and testLabels, once each"
// +kubebuilder:validation:XValidation:rule="!(self.format in ['cifar10', 'cifar100']) || (self.files.size() == 1 && self.files[0].role == 'archive') || (self.files.all(f, f.role in ['train', 'test']) && ['train', 'test'].all(r, self.files.exists(f, f.role == r)))",message="formats cifar10 and cifar100 take spec.files with the roles train and test, each once or more, or one archive"
// +kubebuilder:validation:XValidation:rule="!(self.format in ['svhn', 'usps']) || (self.files.size() == 2 && ['train', 'test'].all(r, self.files.exists_one(f, f.role == r)))",message="formats svhn and usps take spec.files with the roles train and test, once each"
// +kubebuilder:validation:XValidation:rule="self.format != 'stl10' || (self.files.size() == 1 && self.files[0].role == 'archive') || (self.files.size() == 4 && ['trainImages', 'trainLabels', 'testImages', 'testLabels'].all(r, self.files.exists_one(f, f.role == r)))",message="format stl10 takes spec.files with the roles trainImages, trainLabels, testImages and testLabels, once each, or one archive"
// +kubebuilder:validation:XValidation:rule="self.format != 'imageFolder' || (self.files.size() == 1 && self.files[0].role == 'archive') || (self.files.size() <= 3 && self.files.all(f, f.role in ['train', 'test', 'validation'] && self.files.exists_one(g, g.role == f.role)) && ['train', 'test'].all(r, self.files.exists(f, f.role == r)))",message="format imageFolder takes spec.files with one archive, or the roles train, test and perhaps validation, once each"
// +kubebuilder:validation:XValidation:rule="self.format != 'npz' || (self.files.size() == 1 && self.files[0].role == 'archive')",message="format npz takes one file in spec.files, with the role archive"
// +kubebuilder:validation:XValidation:rule="self.format != 'parquet' || (self.files.all(f, f.role in ['train', 'test', 'validation']) && ['train', 'test'].all(r, self.files.exists(f, f.role == r)))",message="format parquet takes spec.files with the roles train, test and perhaps validation, each once or more"
// +kubebuilder:validation:XValidation:rule="!has(self.options) || !has(self.options.labels) || self.format == 'cifar100'",message="spec.options.labels is of use with format cifar100 only"
// +kubebuilder:validation:XValidation:rule="!has(self.options) || (!has(self.options.imageColumn) && !has(self.options.labelColumn)) || self.format == 'parquet'",message="spec.options.imageColumn and labelColumn are of use with format parquet only"
type DatasetSpec struct {
	// format of the source files.
	// +required
	Format DatasetFormat `json:"format,omitempty"`

	// files to fetch and verify. Several may have the same role where the format says so; they are read in this order.
	// +listType=map
	// +listMapKey=url
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +required
	Files []DatasetFile `json:"files,omitempty"`

	// options are choices of the format.
	// +optional
	Options DatasetOptions `json:"options,omitempty,omitzero"`

	// transform changes every image: resize, then centerCrop, then grayscale.
	// +optional
	Transform DatasetTransform `json:"transform,omitempty,omitzero"`

	// splits cut the data into train, validation and test.
	// +required
	Splits DatasetSplits `json:"splits,omitempty,omitzero"`

	// limit keeps only the first images of each split, for quick looks.
	// +optional
	Limit DatasetLimit `json:"limit,omitempty,omitzero"`

	// normalization turns pixels in [0, 1] into inputs: (pixel - mean) / std, per channel.
	// +required
	Normalization Normalization `json:"normalization,omitempty,omitzero"`

	// store is where the verified data set is kept. Unset means the default ArtifactStore.
	// +optional
	Store StoreReference `json:"store,omitempty,omitzero"`

	Execution `json:",inline"`
}

// DatasetFile is one source file.
type DatasetFile struct {
	// role says what the file holds.
	// +required
	Role FileRole `json:"role,omitempty"`

	// url of the file: https:// or http:// on a host the admin allows, or an object in a bucket the
	// admin allows (s3://bucket/path, gs://bucket/path, azblob://container/path; manager flag
	// --allowed-data-hosts), or store:path for a file that `weightspace dataset import` put into the
	// store below this namespace. Buckets are read with the credentials, and for a store of the same
	// kind with the endpoint and region, of the ArtifactStore.
	// +kubebuilder:validation:MinLength=7
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https?://[^\s]+|(s3|gs|azblob)://[A-Za-z0-9$][A-Za-z0-9._-]*/[^\s?#]+|store:[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('store:') || !self.substring(6).split('/').exists(p, p == '.' || p == '..')",message="a store: path may not contain '.' or '..'"
	// +required
	URL string `json:"url,omitempty"`

	// sha256 of the file as fetched, 64 lower-case hexadecimal digits.
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	// +required
	SHA256 string `json:"sha256,omitempty"`
}

// DatasetSplits cuts the training files into train and validation by a permutation drawn
// from seed; the test files are the test split. Where there are validation files, validation is their first images.
type DatasetSplits struct {
	// train is the number of training images.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +required
	Train int32 `json:"train,omitempty"`

	// validation is the number of validation images, 0 for none.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000000
	// +required
	Validation *int32 `json:"validation,omitempty"`

	// test is the number of test images.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +required
	Test int32 `json:"test,omitempty"`

	// seed of the permutation. Defaults to 42.
	// +kubebuilder:default=42
	// +kubebuilder:validation:Minimum=0
	// +optional
	Seed *int64 `json:"seed,omitempty"`
}

// DatasetLimit keeps only the first images of each split. An unset field keeps all.
//
// +kubebuilder:validation:MinProperties=1
type DatasetLimit struct {
	// train is the number of training images kept.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	Train int32 `json:"train,omitempty"`

	// validation is the number of validation images kept.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	Validation int32 `json:"validation,omitempty"`

	// test is the number of test images kept.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	Test int32 `json:"test,omitempty"`
}

// Normalization holds the per-channel mean and standard deviation of pixels in [0, 1].
type Normalization struct {
	// mean per channel.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	Mean []Decimal `json:"mean,omitempty"`

	// std is the standard deviation per channel, above 0.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	Std []Decimal `json:"std,omitempty"`
}

// DatasetStatus is the observed state of a Dataset. It always holds at least conditions and
// observedGeneration.
//
// +kubebuilder:validation:MinProperties=2
type DatasetStatus struct {
	WorkloadStatus `json:",inline"`

	// images are the counts of images per split after the limit, such as "5000/1000/1000".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Images string `json:"images,omitempty"`

	// shape of one image, channels x height x width, such as "1x28x28".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Shape string `json:"shape,omitempty"`

	// classes is the number of classes.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Classes int32 `json:"classes,omitempty"`
}

// Dataset names and verifies input data and keeps it in a store.
//
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be at most 63 lower-case letters, digits and '-', and start and end with a letter or digit: it becomes a label and part of Job names"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.parallelism,statuspath=.status.activePods,selectorpath=.status.selector
// +kubebuilder:resource:path=datasets,shortName=wds,categories=weightspace
// +kubebuilder:printcolumn:name="Format",type=string,JSONPath=`.spec.format`
// +kubebuilder:printcolumn:name="Images",type=string,JSONPath=`.status.images`
// +kubebuilder:printcolumn:name="Shape",type=string,JSONPath=`.status.shape`
// +kubebuilder:printcolumn:name="Classes",type=integer,JSONPath=`.status.classes`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Artifact",type=string,priority=1,JSONPath=`.status.artifact.uri`
type Dataset struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the data, where to get it and how to split it.
	// +required
	Spec DatasetSpec `json:"spec,omitzero"`

	// status is written by the operator.
	// +optional
	Status DatasetStatus `json:"status,omitzero"`
}

// DatasetList is a list of Datasets.
//
// +kubebuilder:object:root=true
type DatasetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Dataset `json:"items"`
}
