from sklearn import metrics
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs

X, truth = make_blobs(n_samples=300, centers=4, cluster_std=0.6, random_state=0)

kmeans = KMeans(n_clusters=4, n_init=5, random_state=0).fit(X)
print("Inertia:", kmeans.inertia_)
print("Silhouette score: %.3f" % metrics.silhouette_score(X, kmeans.labels_))

db = DBSCAN(eps=0.5, min_samples=5).fit(X)
labels = db.labels_
n_clusters = len(set(labels)) - (1 if -1 in labels else 0)
print("Estimated number of clusters: %d" % n_clusters)
print(f"Homogeneity: {metrics.homogeneity_score(truth, labels):.3f}")
