# Copy to terraform.tfvars, which git ignores, and change. terraform/bootstrap prints the accounts.
project        = "shop-1"
project_number = "123456789012"
region         = "europe-west3"
hostname       = "api.shop.example"
dns_zone       = null
nodes_account  = "tillstream-nodes@shop-1.iam.gserviceaccount.com"
pipeline       = "github-release@shop-1.iam.gserviceaccount.com"

notification_channels = ["projects/shop-1/notificationChannels/1234567890"]
